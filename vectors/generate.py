"""Writes the test vectors: a question, the bytes it is about, and the answer, for every definition.

    python -m vectors.generate            rewrite everything, and show what changed
    python -m vectors.generate --check    only show it

The keys are test-only and the same on every machine (``tests/pki_keys.py``), so the same definitions give the same bytes. The intent of a
vector is written by hand, from the standards; where the answer does not meet it, that is said and the exit code is 1. With ``--check`` the
exit code is 1 as well where anything would change.
"""

from __future__ import annotations

import sys
from difflib import unified_diff
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).resolve().parent
for place in (HERE.parent, HERE.parent / "src", HERE.parent / "tests"):
    if str(place) not in sys.path:
        sys.path.insert(0, str(place))

if TYPE_CHECKING:
    from collections.abc import Mapping

    from vectors.vector import Vector

CASES = HERE / "cases"


def main(arguments: list[str]) -> int:
    """Write or check all vectors."""
    check = "--check" in arguments
    changed = unmet = 0
    with TemporaryDirectory() as scratch:
        written = Path(scratch)
        vectors = definitions()
        for vector in vectors:
            answer = write(vector, written / vector.name)
            for complaint in complaints(vector.intent, answer):
                unmet += 1
                print(f"intent not met: {vector.name}: {complaint}")
        for name in sorted({path.name for folder in (written, CASES) if folder.is_dir() for path in folder.iterdir()}):
            difference = compare(CASES / name, written / name)
            if difference:
                changed += 1
                print("\n".join(difference))
                if not check:
                    replace_folder(CASES / name, written / name)
    verb = "would change" if check else "changed"
    print(f"{len(vectors)} vectors, {changed} {verb}, {unmet} intents not met")
    return 1 if unmet or (check and changed) else 0


def definitions() -> list[Vector]:
    """All definitions, by name."""
    from vectors.definitions import (
        accepted,
        crl_judged,
        crl_partial,
        documented,
        fetching,
        ocsp_judged,
        root_causes,
        server_side,
        undetermined,
        usage_and_path,
    )

    rooms = (documented, undetermined, usage_and_path, accepted, crl_judged, crl_partial, ocsp_judged, fetching, root_causes, server_side)
    found = [vector for room in rooms for vector in room.vectors()]
    assert len({vector.name for vector in found}) == len(found), "two vectors of one name"
    return sorted(found, key=lambda vector: vector.name)


def write(vector: Vector, folder: Path) -> dict[str, Any]:
    """Answer a vector, save it as a case, and return the answer."""
    from chaincheck.case import save_case

    diagnosis = vector.diagnose()
    save_case(diagnosis, folder, title=vector.title, intent=vector.intent)
    return diagnosis.to_dict()


def complaints(intent: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    """Where an answer (as JSON) does not meet an intent."""
    causes = {cause["code"] for cause in answer["causes"]} | {f"{cause['code']}/{cause['role']}" for cause in answer["causes"]}
    seen = ", ".join(f"{cause['code']}/{cause['role']}" for cause in answer["causes"]) or "none"
    found = []
    if answer["verdict"] != intent["verdict"]:
        found.append(f"the verdict is {answer['verdict']}, not {intent['verdict']} (causes: {seen})")
    found += [f"the cause {code} is missing (there are: {seen})" for code in intent["causes"] if code not in causes]
    if "first" in intent and (not answer["causes"] or answer["causes"][0]["code"] != intent["first"]):
        found.append(f"the first cause is not {intent['first']} (there are: {seen})")
    for code, words in intent.get("reasons", {}).items():
        said = [" ".join(str(fact) for fact in cause["facts"].values()) for cause in answer["causes"] if cause["code"] == code]
        if not any(words in each for each in said):
            found.append(f"no cause {code} says {words!r} (said: {said})")
    found += [f"the cause {code} is there" for code in intent.get("absent", ()) if code in causes]
    documented = sorted(name for name, finding in answer["documented_causes"].items() if finding == "found")
    if "documented" in intent and documented != sorted(intent["documented"]):
        found.append(f"the documented causes found are {documented}, not {sorted(intent['documented'])}")
    unchecked = {statement["code"] for statement in answer["unchecked"]}
    found += [f"unchecked lacks {code} (there are: {sorted(unchecked)})" for code in intent.get("unchecked", ()) if code not in unchecked]
    return found


def compare(before: Path, after: Path) -> list[str]:
    """What is different between two folders of one case: the gist of the answer, else the names of the files."""
    old, new = contents(before), contents(after)
    if old == new:
        return []
    gist = list(unified_diff(summary(old), summary(new), f"{before.name} (before)", f"{before.name} (now)", lineterm=""))
    if gist:
        return gist
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return [f"{before.name}: same verdict and causes, other bytes in {', '.join(names)}"]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()} if folder.is_dir() else {}


def summary(files: Mapping[str, bytes]) -> list[str]:
    """Verdict, causes, and what was not checked, a line each."""
    import json

    if "expected.json" not in files:
        return []
    answer = json.loads(files["expected.json"])
    marks = {True: "proven", False: "not proven"}
    return [
        f"verdict {answer['verdict']}",
        *(f"cause {c['code']} {c['role']} {c['severity']} {marks[c['proven']]}" for c in answer["causes"]),
        *(f"unchecked {statement['code']}" for statement in answer["unchecked"]),
    ]


def replace_folder(target: Path, source: Path) -> None:
    """Make the one like the other; a source that is not there removes the target."""
    if target.is_dir():
        rmtree(target)
    files = contents(source)
    if files:
        target.mkdir(parents=True)
        for name, content in files.items():
            (target / name).write_bytes(content)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
