"""Texts that are costly to process: each is a piece that is repeated to any length."""

SHAPES: dict[str, str] = {
    "letters": "a", "digits": "1", "zeros": "0", "spaces": " ", "tabs": "\t", "line feeds": "\n", "returns": "\r\n",
    "quotes": '"', "single quotes": "'", "backslashes": "\\", "percents": "%", "percents of percents": "%25",
    "at signs": "@", "colons": ":", "dots": ".", "commas": ",", "semicolons": ";", "hyphens": "-", "underscores": "_",
    "slashes": "/", "question marks": "?", "hashes": "#", "ampersands": "&", "equals signs": "=", "pipes": "|",
    "base64": "QUJD", "hexadecimal": "deadbeef-", "schemes": "http://", "no schemes": "://", "users": "user:pass@",
    "URLs with users": "rtsp://u:p@h/", "half URLs": "rtsp://user:", "addresses": "192.0.2.7.", "IPv6": "fe80::1:",
    "JSON escapes": "\\u0041", "half JSON escapes": "\\u00", "escaped quotes": '\\"', "surrogate escapes": "\\ud83d",
    "XML entities": "&amp;", "half XML entities": "&#", "numbered entities": "&#x41;",
    "combining characters": "e\u0301",
    "only combining characters": "\u0301", "emoji": "\U0001f600", "sharp s": "ß", "controls": "\x01",
    "zero bytes": "\0",
    "bidi controls": "\u202e", "halves of surrogate pairs": "\udcff", "markers": "_s1_session1_",
    "half markers": "_session",
    "short markers": "s ", "dates": "2025-05-02", "times": "2025-05-02T19:40:00", "clocks": "12.30.45-",
    "epochs": "1746214800_",
    "brackets": "[", "closed brackets": "[]", "braces": "{", "closed braces": "{}", "parentheses": "(",
    "objects": '{"password":"4711"},', "keys": "password: ", "cells": "password,4711\n", "columns": "pin,admin,",
    "topics": "zigbee2mqtt/pin ", "paths": "/home/", "drives": "c:\\a ", "shares": "\\\\a", "tags": '"a", W/',
    "ranges": "0-1, ", "cookies": "a=b; ", "forms": "a=%41&", "extensions": ".mp4", "names": "con.", "stars": "*a",
    "secret": "hunter22x! ", "key and marks": "key=", "wide": "h\0t\0t\0p\0:\0/\0/\0", "places": "%(name)s",
}  # fmt: skip


def repeat_to_length(piece: str, length: int) -> str:
    """Return a piece repeated to a length in characters."""
    return (piece * (length // len(piece) + 1))[:length]
