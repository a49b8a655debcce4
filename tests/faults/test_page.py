"""docs/reliability.md shows every case of the table."""

from tests.faults import page
from tests.faults.cases import CASES
from tests.faults.receiver import ROOT


def test_文書はすべての事例を載せている():
    """Each fault has a row and each way to end a column, in the table of each signal."""
    text = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")

    assert {case.name for case in CASES} == page.listed(text)
