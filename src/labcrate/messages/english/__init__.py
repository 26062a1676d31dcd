"""The English text of every message, by id: the catalogues of all rooms in one."""

from collections.abc import Mapping

from labcrate.messages.english import (
    api,
    archive,
    cli,
    database,
    demo,
    doctor,
    export,
    general,
    index,
    lab,
    linking,
    pages,
    people,
    plan,
    readings,
    repair,
    secrets,
    server,
    video,
)

CATALOGUES = (
    api,
    archive,
    cli,
    database,
    demo,
    doctor,
    export,
    general,
    index,
    lab,
    linking,
    pages,
    people,
    plan,
    readings,
    repair,
    secrets,
    server,
    video,
)
ENGLISH: Mapping[str, str | tuple[str, str]] = {
    id: text for catalogue in CATALOGUES for id, text in catalogue.ENGLISH.items()
}
