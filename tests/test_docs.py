"""Everything the documentation shows is run: Python and console examples, page by page, and what they print is compared.

A page is one namespace. A ```` ```python ```` block with ``>>>`` is a doctest; any other is executed, and what it prints is compared with
the ```` ```output ```` block right after it. In ```` ```console ```` blocks the lines after ``$`` that call ``chaincheck`` are run in this
process; ``...`` stands for anything left out. The files the examples name are made by ``prepare``; the clock stands at ``pki.AT``.
"""

from __future__ import annotations

import ast
import contextlib
import doctest
import importlib.util
import io
import os
import re
import shlex
import shutil
import struct
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import time_machine
from cryptography import x509

import chaincheck
import exports
import pki
from chaincheck.cli import main

if TYPE_CHECKING:
    from collections.abc import Iterator

PROJECT = Path(__file__).parents[1]
PAGES = sorted((PROJECT / "docs").glob("*.md"))
ENVIRONMENT = {"LANG": "C.UTF-8", "LC_ALL": "", "LC_MESSAGES": "", "NO_PROXY": "*", "COLUMNS": "100"}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


# what the examples find in their folder


def sst(*certificates: bytes) -> bytes:
    """A serialized store, as Export-Certificate -Type SST writes it."""
    return b"\0\0\0\0CERT" + b"".join(struct.pack("<III", 32, 1, len(one)) + one for one in certificates) + bytes(12)


@dataclass(frozen=True, kw_only=True)
class World:
    """The CA of the examples."""

    root: pki.Authority
    issuing: pki.Authority
    stranger: pki.Authority

    def client(self, name: str = "alice", **options: Any) -> pki.Issued:
        return self.issuing.issue(f"CN={name},O=Example", **options)


def world() -> World:
    root = pki.root("CN=Example Root CA,O=Example")
    return World(root=root, issuing=root.issue_ca("CN=Example Issuing CA,O=Example"), stranger=pki.root("CN=Some Other Root CA,O=Somebody"))


def prepare(folder: Path) -> None:
    """Write every file that the pages of ``docs/`` name."""
    made = world()
    root, issuing = made.root, made.issuing
    alice = made.client()
    stolen = made.client("mallory", crl_urls=["http://pki.example.com/issuing.crl"])
    bob = made.client("bob", crl_urls=["http://pki.example.com/issuing.crl"])
    inside = made.client("carol", crl_urls=["http://pki.corp.local/issuing.crl"])
    expired = made.client(not_before=datetime(2025, 6, 12, tzinfo=UTC), not_after=datetime(2026, 6, 12, tzinfo=UTC), serial=0x5C3E)
    permitted = x509.NameConstraints([x509.DNSName("example.com")], None)
    department = root.issue_ca("CN=Example Department CA,O=Example", extensions=[(permitted, True)])
    outside = x509.SubjectAlternativeName([x509.DNSName("dave.example.org")])
    badge = x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.55738.666.3"), b"\x0c\x05badge")
    chamber = root.issue_ca("CN=Example Chamber CA,O=Example", extensions=[(x509.NameConstraints(None, [badge]), True)])
    policy = x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier("1.3.6.1.4.1.55738.1"), None)])
    bureau = root.issue_ca("CN=Example Bureau CA,O=Example", extensions=[(policy, False)])
    crl = issuing.crl([(stolen.serial, datetime(2026, 5, 16, 12, tzinfo=UTC), "keyCompromise")])
    files = {
        "client.cer": alice.der,
        "client.key": alice.key_pem,
        "client.pfx": alice.pkcs12(b"open sesame", [issuing]),
        "client.p7b": pki.p7b(alice, issuing),
        "client.pem": pki.pem_bundle(alice, issuing) + alice.key_pem,
        "password.txt": b"open sesame\n",
        "expired.cer": expired.der,
        "early.cer": made.client(not_before=pki.AT + timedelta(minutes=40)).der,
        "server-only.cer": made.client(eku=["serverAuth"]).der,
        "outside.cer": department.issue("CN=dave,O=Example", extensions=[(outside, False)]).der,
        "department.cer": department.der,
        "member.cer": chamber.issue("CN=erin,O=Example", extensions=[(x509.SubjectAlternativeName([badge]), False)]).der,
        "chamber.cer": chamber.der,
        "frank.cer": bureau.issue("CN=frank,O=Example", extensions=[(policy, False)]).der,
        "bureau.cer": bureau.der,
        "stolen.cer": stolen.der,
        "bob.cer": bob.der,
        "inside.cer": inside.der,
        "other.key": made.client("somebody else").key_pem,
        "request.csr": _request(),
        "several.pem": pki.pem_bundle(alice, bob),
        "clients/several.pem": pki.pem_bundle(alice, bob),
        "clients/expired.cer": expired.der,
        "clients/issuing.cer": issuing.der,
        "clients/branch/stolen.cer": stolen.der,
        "clients/branch/readme.txt": b"Certificates of the branch offices.",
        "issuing.cer": issuing.der,
        "root.cer": root.der,
        "issuing.crl": crl,
        "server.sst": sst(root.der, issuing.der),
        "without-root.sst": sst(made.stranger.der, issuing.der),
        "roots.sst": sst(root.der, made.stranger.der),
        "intermediates.sst": sst(issuing.der),
        "netsh-sslcert.txt": exports.netsh(exports.binding(Negotiate_Client_Certificate="Disabled")).encode("utf-16"),
        "schannel.txt": exports.schannel({"SendTrustedIssuerList": 0}).encode(),
        "iis-config.xml": exports.configuration({"": "None", "Default Web Site/private": "Ssl, SslNegotiateCert, SslRequireCert"}).encode(),
        "certutil-root.txt": exports.listing("Root", "Trusted Root Certification Authorities", root).encode("utf-16"),
        "certutil-my.txt": exports.listing("MY", "Personal", alice, keys={0: "Missing stored keyset"}).encode(),
        "stores/LocalMachine/Root.sst": sst(made.stranger.der),
        "stores/LocalMachine/CA.sst": sst(issuing.der),
        "stores/LocalMachine/Disallowed.empty": b"",
        "stores/CurrentUser/Root.sst": sst(root.der),
        "disallowed.sst": sst(made.stranger.issue_ca("CN=Compromised CA,O=Somebody").der),
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def _request() -> bytes:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.derive_private_key(7, ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "alice")])
    return x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@contextlib.contextmanager
def place(folder: Path) -> Iterator[None]:
    """In that folder, at the present of the examples, in a plain environment."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        with mock.patch.dict(os.environ, ENVIRONMENT), time_machine.travel(pki.AT, tick=False):
            yield
    finally:
        os.chdir(before)


# the examples of a page


@dataclass(frozen=True, kw_only=True)
class Block:
    """A fenced block: its language, its text, the line it begins at, and whether only blank lines are between it and the one before."""

    language: str
    text: str
    line: int
    follows: bool


def blocks(page: Path) -> list[Block]:
    """All fenced blocks of a Markdown file."""
    found: list[Block] = []
    text = page.read_text(encoding="utf-8")
    end = 0
    for match in re.finditer(r"^```([\w{}-]*)[^\n]*\n(.*?)^```$", text, re.DOTALL | re.MULTILINE):
        follows = not text[end : match.start()].strip()
        found.append(Block(language=match[1], text=match[2], line=text.count("\n", 0, match.start()) + 1, follows=follows))
        end = match.end()
    return found


def run_page(page: Path, folder: Path) -> int:
    """Run all examples of a page; returns how many there were."""
    names: dict[str, Any] = {"__name__": "__main__"}
    found, count = blocks(page), 0
    with place(folder):
        for block, after in zip_longest(found, found[1:]):
            where = f"{page.name}:{block.line}"
            if block.language == "python":
                count += 1
                if ">>>" in block.text:
                    _doctest(block, names, where)
                    continue
                printed = _execute(block, names, where)
                expected = after.text if after is not None and after.language == "output" and after.follows else ""
                assert matches(expected, printed), difference(where, expected, printed)
            elif block.language == "console":
                count += _console(block, where)
    return count


def _execute(block: Block, names: dict[str, Any], where: str) -> str:
    printed = io.StringIO()
    code = compile(ast.parse(block.text, where), where, "exec")
    with contextlib.redirect_stdout(printed):
        exec(code, names)  # noqa: S102 - our own documentation
    return printed.getvalue()


def _doctest(block: Block, names: dict[str, Any], where: str) -> None:
    example = doctest.DocTestParser().get_doctest(block.text, names, where, where, block.line)
    report = io.StringIO()
    result = doctest.DocTestRunner(optionflags=FLAGS, verbose=False).run(example, out=report.write, clear_globs=False)
    names.update(example.globs)
    assert not result.failed, report.getvalue()


def _console(block: Block, where: str) -> int:
    count = 0
    for command, expected in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block.text, re.MULTILINE):
        words = shlex.split(command, comments=True)
        if words[:1] == ["chaincheck"]:
            count += 1
            code, printed = run_command(words[1:])
            wanted = re.search(r"#\s*exit code (\d+)", command)
            assert wanted is None or int(wanted[1]) == code, f"{where}: {command}: exit code {code}"
            assert matches(expected, printed), difference(f"{where}: {command}", expected, printed)
    return count


def run_command(arguments: list[str]) -> tuple[int, str]:
    """The exit code, and what goes to standard output and standard error together."""
    printed = Printed()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = main(arguments)
    return code, printed.getvalue()


class Printed(io.StringIO):
    """A console that can show everything."""

    encoding = "utf-8"


def matches(expected: str, printed: str) -> bool:
    """Alike but for blank lines at the ends and white space at line ends, ``...`` standing for anything."""
    return doctest.OutputChecker().check_output(_trimmed(expected), _trimmed(printed), doctest.ELLIPSIS)


def _trimmed(text: str) -> str:
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n") + "\n"


def difference(where: str, expected: str, printed: str) -> str:
    return f"{where} prints\n{printed}\nand not\n{expected}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("examples")
    prepare(made)
    return made


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_example_of_a_page_does_what_the_page_says(page: Path, folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    run_page(page, tmp_path)


def test_the_pages_for_newcomers_have_examples() -> None:
    """The extractor would pass a page whose examples it cannot see."""
    for name in ("tutorial", "reading", "stores", "verdicts", "revocation", "cache", "cases", "command-line", "json"):
        assert any(block.language in ("python", "console") for block in blocks(PROJECT / "docs" / f"{name}.md")), name


def test_no_example_is_in_a_language_that_is_not_run_by_mistake() -> None:
    known = {"python", "console", "output", "powershell", "bat", "json", "toml", "text", "{eval-rst}", "{toctree}", "{note}", "{warning}"}
    known.add("{literalinclude}")  # files of docs/service, run by tests/service
    found = {block.language for page in PAGES for block in blocks(page)}
    assert found <= known


def test_every_public_name_is_in_the_reference() -> None:
    """By its home module: the names of the package itself are made when they are first used (PEP 562)."""
    text = (PROJECT / "docs" / "reference.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\.\. auto\w+:: chaincheck\.(\S+)", text, re.MULTILINE))
    homes = {name: f"{home}.{name}" for name, home in chaincheck._HOMES.items() if name != "__version__"}
    assert {home for home in homes.values() if home not in documented} == set()


def test_every_option_of_the_command_line_is_on_its_page() -> None:
    told = (PROJECT / "docs" / "command-line.md").read_text(encoding="utf-8")
    for command in ("diagnose", "replay", "demo", "cache info", "cache clear"):
        code, printed = run_command([*command.split(), "--help"])
        assert code == 0
        assert {option for option in re.findall(r"--[a-z-]+", printed) if f"`{option}" not in told} == {"--help"}, command


@pytest.mark.parametrize(("name", "language"), [("catalogue", "en"), ("catalogue-ja", "ja")])
def test_the_catalogue_pages_hold_every_cause_and_every_resolution(name: str, language: str) -> None:
    from chaincheck.causes.catalogue import catalogue

    text = filled((PROJECT / "docs" / f"{name}.md").read_text(encoding="utf-8"))
    assert [code.value for code in chaincheck.CauseCode if f"({language}-{code.value})=" not in text] == []
    assert [one for one in catalogue().resolutions if f"({language}-do-{one})=" not in text] == []
    assert re.findall(r"\{[a-z_]+\}", text) == []


def filled(page: str) -> str:
    """A page with what is written into it when the documentation is built."""
    spec = importlib.util.spec_from_file_location("catalogue_pages", PROJECT / "docs" / "_ext" / "catalogue_pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    result: str = module.filled(page)
    return result


def test_every_link_to_another_page_leads_somewhere() -> None:
    for page in [*PAGES, PROJECT / "README.md", PROJECT / "CHANGELOG.md"]:
        for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_every_dependency_has_its_line_of_reason() -> None:
    import tomllib

    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    told = (PROJECT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    listed = [*project["project"]["dependencies"], *project["build-system"]["requires"]]
    listed += [one for extra in project["project"].get("optional-dependencies", {}).values() for one in extra]
    listed += [one for group in project["dependency-groups"].values() for one in group if isinstance(one, str)]
    names = {match[0] for one in listed if (match := re.match(r"[A-Za-z0-9_.-]+", one))}
    assert {name for name in names if f"`{name}`" not in told} == set()
