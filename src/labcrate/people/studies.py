"""Studies: lists of sessions. A person in a study sees and exports only the sessions of their studies."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from labcrate.database.errors import ConstraintError
from labcrate.errors import NotFoundError, UsageError
from labcrate.messages.message import Message
from labcrate.messages.text import printable
from labcrate.model.session import id_sort_key, normalize_id
from labcrate.people.database import SYSTEM_CLOCK, Clock, PeopleDatabase, from_ms, now_ms
from labcrate.people.roles import Role, SessionScope, clean_name, name_key
from labcrate.people.users import User


@dataclass(frozen=True, slots=True)
class Study:
    """A study with its sessions (ids, in the usual order) and its people (user names)."""

    id: int
    name: str
    created: datetime
    sessions: tuple[str, ...] = ()
    people: tuple[str, ...] = ()


class Studies:
    """The studies of one lab. Any thread may use it. Every method may wait for the disk and raises PeopleError."""

    def __init__(self, database: PeopleDatabase, clock: Clock = SYSTEM_CLOCK) -> None:
        self._database, self._clock = database, clock

    def scope(self, user: User) -> SessionScope:
        """Return the sessions that a user sees: all, for an administrator and for a user in no study."""
        if user.role is Role.ADMIN:
            return SessionScope.all()
        # One statement, so that the result is of one instant even if studies change meanwhile.
        found = self._database.rows(
            "SELECT study_session.session FROM study_member LEFT JOIN study_session USING (study_id) WHERE user_id = ?",
            user.id,
        )
        return SessionScope.of(session for (session,) in found if session is not None) if found else SessionScope.all()

    def all(self) -> list[Study]:
        """Return every study, by name."""
        sessions, people = defaultdict[int, list[str]](list), defaultdict[int, list[str]](list)
        for study, session in self._database.rows("SELECT study_id, session FROM study_session"):
            sessions[study].append(session)
        query = "SELECT study_id, name FROM study_member JOIN user ON user.id = user_id ORDER BY name_key"
        for study, name in self._database.rows(query):
            people[study].append(name)
        return [
            Study(
                number, name, from_ms(created), tuple(sorted(sessions[number], key=id_sort_key)), tuple(people[number])
            )
            for number, name, created in self._database.rows("SELECT id, name, created_ms FROM study ORDER BY name_key")
        ]

    def get(self, name: str) -> Study:
        """Return the study of that name. Raises NotFoundError."""
        key = name_key(printable(name))
        for study in self.all():
            if name_key(study.name) == key:
                return study
        raise NotFoundError(Message("study.not_found", name=printable(name, 100)))

    def names_of(self, user: User) -> list[str]:
        """Return the names of the studies that a user is in."""
        query = "SELECT name FROM study JOIN study_member ON study_id = study.id WHERE user_id = ? ORDER BY name_key"
        return [name for (name,) in self._database.rows(query, user.id)]

    def add(self, name: str) -> Study:
        """Create a study with no sessions or people. Raises UsageError for an invalid name, or one in use."""
        name = clean_name(name, "study")
        with self._database.write_transaction() as connection:
            try:
                connection.execute(
                    "INSERT INTO study (name, name_key, created_ms) VALUES (?, ?, ?)",
                    *(name, name_key(name), now_ms(self._clock)),
                )
            except ConstraintError:
                raise UsageError(Message("study.exists", name=name)) from None
        return self.get(name)

    def remove(self, name: str) -> Study:
        """Delete a study without people, and return it. Raises NotFoundError.

        Raises UsageError for a study with people, since they would see every session from then on.
        """
        study = self.get(name)
        with self._database.write_transaction() as connection:
            if connection.rows("SELECT 1 FROM study_member WHERE study_id = ? LIMIT 1", study.id):
                raise UsageError(Message("study.has_people", study=study.name))
            connection.execute("DELETE FROM study_session WHERE study_id = ?", study.id)
            connection.execute("DELETE FROM study WHERE id = ?", study.id)
        return study

    def add_sessions(self, name: str, sessions: Iterable[str], who: str) -> Study:
        """Add sessions to a study; ignore those that it already has. Raises NotFoundError."""
        study, now = self.get(name), now_ms(self._clock)
        rows = [(study.id, normalize_id(session), now, printable(who)) for session in sessions]
        with self._database.write_transaction() as connection:
            connection.executemany("INSERT INTO study_session VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING", rows)
        return self.get(name)

    def remove_sessions(self, name: str, sessions: Iterable[str]) -> Study:
        """Remove sessions from a study. Raises NotFoundError, also for a session that is not in it."""
        study = self.get(name)
        ids = [normalize_id(session) for session in sessions]
        for session in ids:
            if session not in study.sessions:
                raise NotFoundError(Message("study.no_session", study=study.name, session=printable(session, 100)))
        with self._database.write_transaction() as connection:
            connection.executemany(
                "DELETE FROM study_session WHERE study_id = ? AND session = ?", [(study.id, one) for one in ids]
            )
        return self.get(name)

    def add_people(self, name: str, users: Iterable[User]) -> Study:
        """Add users to a study: from their next request on they see only its sessions. Raises NotFoundError."""
        study = self.get(name)
        with self._database.write_transaction() as connection:
            connection.executemany(
                "INSERT INTO study_member VALUES (?, ?) ON CONFLICT DO NOTHING", [(study.id, user.id) for user in users]
            )
        return self.get(name)

    def remove_people(self, name: str, users: Iterable[User]) -> Study:
        """Remove users from a study. Raises NotFoundError, also for a user who is not in it."""
        study, leaving = self.get(name), list(users)
        for user in leaving:
            if user.name not in study.people:
                raise NotFoundError(Message("study.no_person", name=user.name, study=study.name))
        with self._database.write_transaction() as connection:
            connection.executemany(
                "DELETE FROM study_member WHERE study_id = ? AND user_id = ?", [(study.id, user.id) for user in leaving]
            )
        return self.get(name)
