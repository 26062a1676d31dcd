"""The English text of the messages of logins, studies and logs, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "login.no_administrator": (
        "This server has no administrator yet, so no login or token is accepted. Open the link that 'labcrate serve' printed when it started, or run 'labcrate user add NAME --role admin'."
    ),
    "second_factor.clock_behind": (
        "The server's clock is behind the time of the last code that it took, so no code fits; have the server's clock set right, or type a recovery code."
    ),
    "second_factor.is_off": (
        "Your second factor is off, or you are disabled; load the page again to see how it stands."
    ),
    "second_factor.is_on": ("Your second factor is on already; turn it off before you set it up anew."),
    "second_factor.none": (
        "{name} has no second factor that could be reset; 'labcrate user list' and the page of people tell who has one."
    ),
    "second_factor.over": (
        "This login waited too long for its code, or was used up by another one; begin again with name and password."
    ),
    "second_factor.own": ("Turn your own second factor off on your account's page, with your password and a code."),
    "second_factor.role": ("A second factor is for administrators and operators; a viewer has none to set up."),
    "second_factor.wrong": (
        "This code does not fit. Each is good once, for half a minute: wait for the next one. If that does not fit either, see that the clocks of the phone and of the server are right."
    ),
}
