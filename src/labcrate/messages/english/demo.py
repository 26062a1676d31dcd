"""The English text of the messages of the sample lab, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "demo.cannot_write": (
        'The sample lab cannot be written to "{folder}": {reason}. Name a folder that can be written.'
    ),
    "demo.not_a_folder": '"{folder}" is a file; name a folder for the sample lab.',
    "demo.not_empty": 'The folder "{folder}" is not empty, and not a sample lab; name an empty one.',
    "demo.path_leads_out": '"{path}" leads out of the folder "{folder}"; name an empty folder for the sample lab.',
}
