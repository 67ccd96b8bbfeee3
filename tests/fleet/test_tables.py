"""Results as rows for data frames."""

from __future__ import annotations

import pandas as pd
import polars as pl
import pytest

from chaincheck import InputError, cause_records, records
from fleet.test_summary import results


def test_a_row_for_each_certificate_with_columns_of_one_type() -> None:
    table = pd.DataFrame(records(results()))
    assert list(table.verdict.dropna().unique()) == ["refused", "accepted"]
    assert table.accepted.dtype == bool
    assert table.accepted.sum() == 5
    assert str(table.not_after.dtype).endswith("UTC]")
    assert sorted(table.days_left[table.accepted].round().astype(int)) == [3, 20, 60, 200, 900]
    assert table.incident.nunique() == 1
    assert table.error.dropna().tolist() == ["no file"]


def test_a_row_for_each_cause_joined_by_label() -> None:
    rows = list(cause_records(results(), lang="ja"))
    fatal = [row for row in rows if row["severity"] == "fatal"]
    assert {(row["label"], row["code"], row["role"], row["certificate"]) for row in fatal} == {
        (f"below {number}", "expired", "intermediate", "CN=Expired CA") for number in range(3)
    }
    assert {row["iis_status"] for row in fatal} == {"403.16"}
    assert {row["label"] for row in rows} <= {row["label"] for row in records(results())}


def test_all_rows_have_the_same_columns_and_none_are_no_rows() -> None:
    assert len({tuple(row) for row in records(results())}) == 1
    assert len({tuple(row) for row in cause_records(results())}) == 1
    assert list(records([])) == list(cause_records([])) == []


def test_rows_come_as_the_results_do() -> None:
    source = iter(results())
    rows = records(source)
    assert next(rows)["label"] == "below 0"
    assert next(source).label == "below 1"


def test_an_unknown_language_is_said_before_the_first_row() -> None:
    with pytest.raises(InputError):
        records([], lang="de")


def test_polars_takes_the_rows_as_they_are() -> None:
    certificates = pl.DataFrame(list(records(results())), infer_schema_length=None)
    causes = pl.DataFrame(list(cause_records(results())), infer_schema_length=None)
    assert certificates.schema["not_after"] == pl.Datetime("us", "UTC")
    assert certificates.schema["days_left"] == pl.Float64
    assert certificates.filter(pl.col("accepted")).height == 5
    joined = certificates.join(causes.filter(pl.col("severity") == "fatal"), on="label")
    assert joined["code"].to_list() == ["expired"] * 3
