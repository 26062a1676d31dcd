"""Names of earlier versions that scripts may use."""

from labcrate.model.session import SelectedDevice, Session


def test_the_earlier_names_of_a_session_still_work() -> None:
    """Each gives the value of the attribute under its present name."""
    session = Session(
        "42", status="active", all_fields={"a": 1}, description_files=("x",), untyped_devices=(SelectedDevice("5"),)
    )
    assert (session.active, session.described, session.described_in) == (True, {"a": 1}, ("x",))
    assert session.unsorted == session.untyped_devices
