"""Pictures of matplotlib: what they show, and that no name harms them."""

from __future__ import annotations

import io
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from matplotlib.colors import to_hex
from matplotlib.dates import date2num
from matplotlib.figure import Figure

import chaincheck
import pki
from chaincheck import InputError, plot_causes, plot_expiry
from chaincheck.report.plotting import COLOURS
from fleet.test_summary import results

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from report.company import Company


@pytest.fixture
def ax() -> Axes:
    return Figure(figsize=(8, 3), layout="constrained").subplots()


def drawn(ax: Axes) -> bytes:
    """The picture; every warning is an error."""
    file = io.BytesIO()
    figure: Any = ax.figure
    figure.savefig(file, format="png")
    return file.getvalue()


def names(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def colours(ax: Axes) -> list[str]:
    return [to_hex(bar.get_facecolor()) for bar in ax.patches]


def test_a_row_for_each_element_and_each_evidence(company: Company, ax: Axes) -> None:
    assert company.revoked().plot(ax) is ax
    assert names(ax) == ["alice", "Contoso Issuing CA", "Contoso Root CA", "CRL: alice"]
    assert colours(ax) == [COLOURS["bad"], COLOURS["good"], COLOURS["good"], COLOURS["good"]]
    assert ax.get_title(loc="left") == company.revoked().headline
    assert drawn(ax).startswith(b"\x89PNG")


def test_what_has_ended_ends_before_the_line_of_now(company: Company, ax: Axes) -> None:
    diagnosis = company.expired()
    diagnosis.plot(ax)
    line: Any = ax.lines[0]
    bar: Any = ax.patches[0]
    assert bar.get_x() + bar.get_width() < date2num(line.get_xdata()[0])


@pytest.mark.parametrize("name", ["山田 太郎", "$x^2$", "$\\frac{", "a\nb\u202e", "x" * 500, "%", "_none", "ก", "\U00012000"])
def test_no_name_is_a_formula_or_breaks_the_picture(company: Company, ax: Axes, name: str) -> None:
    diagnosis = company.ask(company.ca.issue(pki.long_name(name)))
    diagnosis.plot(ax, lang="ja")
    assert drawn(ax)
    assert len(names(ax)[0]) <= 40
    assert "\u202e" not in names(ax)[0]


def test_dates_at_the_ends_of_time_are_drawn(company: Company, ax: Axes) -> None:
    far = company.ca.issue("far", not_before=pki.AT.replace(year=1951), not_after=pki.AT.replace(year=9999))
    company.ask(far).plot(ax)
    assert drawn(ax)


@pytest.mark.parametrize("year", [1, 1950, 9999])
def test_any_moment_is_drawn(company: Company, ax: Axes, year: int) -> None:
    company.good(at=datetime(year, 12, 31, 23, 59, 59, tzinfo=UTC)).plot(ax)
    assert drawn(ax)


def test_without_a_certificate_the_picture_is_empty(ax: Axes) -> None:
    chaincheck.diagnose(chaincheck.NO_CERTIFICATE, at=pki.AT).plot(ax)
    assert names(ax) == []
    assert drawn(ax)


def test_expiry_counts_days_by_verdict(ax: Axes) -> None:
    plot_expiry(results(), ax)
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["accepted (5)", "refused (3)"]
    heights = sum(bar.get_height() for bar in ax.patches)  # type: ignore[attr-defined]  # bars are rectangles
    assert heights == 8
    assert drawn(ax)


def test_causes_are_counted_by_code_and_element(ax: Axes) -> None:
    plot_causes(results(), ax, lang="ja")
    assert names(ax) == ["expired (intermediate)"]
    assert [bar.get_width() for bar in ax.patches] == [3]  # type: ignore[attr-defined]  # bars are rectangles
    assert "9" in ax.get_title(loc="left")
    assert drawn(ax)


@pytest.mark.parametrize("draw", [plot_expiry, plot_causes])
def test_nothing_at_all_is_a_picture_too(draw: Any, ax: Axes) -> None:
    assert drawn(draw([], ax))


def test_wrong_axes_and_languages_are_input_errors(company: Company, ax: Axes) -> None:
    for wrong in (7, "ax", ax.figure):
        with pytest.raises(InputError) as caught:
            company.good().plot(wrong)
        assert caught.value.where == "ax"
    with pytest.raises(InputError):
        plot_causes([], ax, lang="de")


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
    return done.stdout.strip()


def test_without_axes_a_figure_is_made_and_nothing_global_changes() -> None:
    program = """
import matplotlib; matplotlib.use("Agg")
before = dict(matplotlib.rcParams)
import chaincheck
ax = chaincheck.plot_causes([])
assert ax.figure.get_size_inches()[0] == 8
print(dict(matplotlib.rcParams) == before)
"""
    assert run(program) == "True"


def test_without_the_library_the_error_names_the_extra() -> None:
    program = "import sys; sys.modules['matplotlib'] = None; sys.modules['matplotlib.axes'] = None\nimport chaincheck\n"
    program += "try: chaincheck.plot_expiry([])\nexcept chaincheck.MissingExtraError as error: print(error)"
    assert run(program) == "a plot needs the extra 'plot': pip install 'chaincheck[plot]'"


def test_drawing_comes_only_with_drawing() -> None:
    assert run("import chaincheck, sys; chaincheck.plot_expiry; print('matplotlib' in sys.modules)") == "False"
