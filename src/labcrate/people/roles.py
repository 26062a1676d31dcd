"""What somebody may do."""

from enum import StrEnum


class Role(StrEnum):
    """Each role may do all that those before it may.

    A viewer sees sessions, plots and plans, and no recording. An operator also plays recordings,
    exports and links near misses. An administrator also sees people and the export log.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, needed: "Role") -> bool:
        """Whether who has this role may do what needs the other."""
        ranks = list(Role)
        return ranks.index(self) >= ranks.index(needed)
