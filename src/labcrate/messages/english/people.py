"""The English text of the messages of logins, studies and logs, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "contents.all_readings": "all readings of the lab",
    "contents.camera": "only camera {value}",
    "contents.from": "from {value}",
    "contents.from_byte": "from byte {byte}",
    "contents.only_recordings": "only recordings",
    "contents.only_sensors": "only sensor data",
    "contents.other": "{name}: {value}",
    "contents.pad": "{value} before and after",
    "contents.recording": "recording {value}",
    "contents.sensor": "only sensor {value}",
    "contents.until": "until {value}",
    "contents.whole_session": "the whole session",
    "link.already_undone": "Link {number} was already undone, by {who}.",
    "link.not_found": "There is no link {number}. The list of a session's links shows their numbers.",
    "link.not_found_in_session": "Session {session} has no link {number}. The list of the session's links shows their numbers.",
    "link.recordings": (
        "{recorders}: {count} recording",
        "{recorders}: {count} recordings",
    ),
    "login.no_administrator": (
        "This server has no administrator yet, so logins and tokens are not accepted. Open the link that 'labcrate "
        "serve' printed when it started, or run 'labcrate user add NAME --role admin'."
    ),
    "login.wrong": "Wrong name or password.",
    "password.no_memory": "There is not enough memory to check a password. Free some memory, and try again.",
    "password.same_as_name": "The password must not be the user name.",
    "password.too_long": "The password must have at most {most} characters.",
    "password.too_short": "The password must have at least {least} characters.",
    "password.unprintable": "The password must not contain line breaks or other characters that cannot be typed.",
    "password.weak": "This password is easy to guess. Choose another one, for example four unrelated words.",
    "people.damaged": (
        "people.db (in the lab's folder .labcrate, or in your state folder) is damaged. It contains the logins and the"
        " export log, which cannot be rebuilt, so labcrate does not change it: restore it from your backup, or move"
        " it away to start without users and with an empty log."
    ),
    "people.disk": (
        "people.db (in the lab's folder .labcrate, or in your state folder) cannot be read or written. Check the "
        "disk, and make sure that its file system is writable. It contains the logins and the export log, so labcrate "
        "uses no other file instead."
    ),
    "people.foreign": (
        "people.db (in the lab's folder .labcrate, or in your state folder) is damaged, or belongs to another "
        "program. It contains the logins and the export log, which cannot be rebuilt, so labcrate does not change it: "
        "restore it from your backup, or move it away to start without users and with an empty log."
    ),
    "people.full": (
        "The disk is too full to write people.db (in the lab's folder .labcrate, or in your state folder). Free "
        "some space, and try again."
    ),
    "people.locked": (
        "people.db (in the lab's folder .labcrate, or in your state folder) is locked by another program. Wait "
        "until it has finished, and try again."
    ),
    "people.log_not_writable": (
        "The export log cannot be written ({error}). Check that labcrate's folder of the lab (.labcrate, or your "
        "state folder) belongs to you, and that its disk is not full."
    ),
    "people.missing": (
        "people.db (in the lab's folder .labcrate, or in your state folder) is missing, but {journal} is still "
        "there. It contains the logins and the export log, which cannot be rebuilt, so labcrate does not change it: "
        "restore it from your backup, or move it away to start without users and with an empty log."
    ),
    "people.newer": (
        "people.db (in the lab's folder .labcrate, or in your state folder) was made by a newer version of "
        "labcrate. Update labcrate."
    ),
    "people.not_a_file": (
        "{name} is a symbolic link or not a file. people.db (in the lab's folder .labcrate, or in your state "
        "folder) must be a regular file."
    ),
    "people.not_opened": (
        "people.db (in the lab's folder .labcrate, or in your state folder) cannot be opened ({error}). Run "
        "labcrate as the user who owns the file. It contains the logins and the export log, so labcrate uses no other "
        "file instead."
    ),
    "people.not_opened_read_only": (
        "people.db (in the lab's folder .labcrate, or in your state folder) cannot be opened ({error}). Make the "
        "lab's file system writable, and try again. It contains the logins and the export log, so labcrate uses no "
        "other file instead."
    ),
    "people.read_only": (
        "people.db (in the lab's folder .labcrate, or in your state folder) cannot be written. Make its file system"
        " writable, and run labcrate as the user who owns the file. It contains the logins and the export log, so "
        "labcrate uses no other file instead."
    ),
    "people.unusable": "people.db (in the lab's folder .labcrate, or in your state folder) cannot be used: {problem}.",
    "second_factor.clock_behind": (
        "The server's clock is behind the time of the last code that it accepted, so no code works. Have the "
        "server's clock set, or enter a recovery code."
    ),
    "second_factor.is_off": "Your second factor is off, or your account is disabled. Reload the page to see which.",
    "second_factor.is_on": "Your second factor is already on. Turn it off before you set it up again.",
    "second_factor.none": (
        "{name} has no second factor to reset. 'labcrate user list' and the People page show which users have one."
    ),
    "second_factor.over": "This login has expired, or was already used. Log in again with your name and password.",
    "second_factor.own": "Turn off your own second factor on your account page, with your password and a code.",
    "second_factor.role": "Only administrators and operators can set up a second factor.",
    "second_factor.wrong": (
        "Wrong code. Each code works once, for half a minute: wait for the next one. If the next code is refused, "
        "too, check that the clocks of the phone and the server are right."
    ),
    "study.exists": "There is already a study '{name}'. Choose another name.",
    "study.has_people": (
        "Study {study} has people. Users in no study see every session, so remove the people from the study first."
    ),
    "study.invalid_name": (
        "'{name}' is not a valid name for a study. Use 1 to {most} letters, digits, spaces and other visible "
        "characters."
    ),
    "study.no_person": "{name} is not in study {study}.",
    "study.no_session": "Study {study} has no session '{session}'.",
    "study.not_found": "There is no study '{name}'. List all studies: labcrate study list",
    "token.days": "A token is valid for 1 to {most} days, not {days}.",
    "token.exists": "{user} already has a token '{name}'. Choose another name.",
    "token.invalid_name": (
        "'{name}' is not a valid name for a token. Use 1 to {most} letters, digits, spaces and other visible "
        "characters."
    ),
    "token.not_found": "{user} has no token '{name}'. List all tokens: labcrate token list",
    "token.too_many": "{name} already has {most} tokens, the maximum. Revoke one first.",
    "token.user_disabled": "{name} is disabled. Enable this user first.",
    "transfer.process_ended": "the server or command ended during the transfer (found when the log was next opened)",
    "user.exists": "There is already a user '{name}'. Choose another name.",
    "user.has_administrator": "This lab already has an administrator. Log in.",
    "user.invalid_name": (
        "'{name}' is not a valid name for a user. Use 1 to {most} letters, digits, spaces and other visible characters."
    ),
    "user.last_administrator": "{name} is the last administrator. Make another user an administrator first.",
    "user.not_found": "There is no user '{name}'. List all users: labcrate user list",
}
