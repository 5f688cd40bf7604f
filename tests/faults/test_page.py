"""docs/reliability.md says of each fault what the table of faults says."""

from tests.faults.page import BEGIN, END, FAULTS, HEAD, PAGE, first_cells


def test_the_page_has_a_row_for_each_fault_and_no_other() -> None:
    text = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    assert HEAD in text
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert [row[: len(first_cells(fault))] for row, fault in zip(rows, FAULTS, strict=True)] == [
        first_cells(fault) for fault in FAULTS
    ]


def test_names_are_unique() -> None:
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
