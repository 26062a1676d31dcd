"""The English text of the messages of the command line, by id."""

from collections.abc import Mapping

ENGLISH: Mapping[str, str | tuple[str, str]] = {
    "cli.all_without_files": "--all finds the files itself. Leave out the file names.",
    "cli.archive_invalid": (
        ("{file} does not match its manifest: {count} finding. Do not rely on it; export or copy it again."),
        ("{file} does not match its manifest: {count} findings. Do not rely on it; export or copy it again."),
    ),
    "cli.base_url": "--base-url is '{url}'. Write a URL such as https://lab.example.org/labcrate.",
    "cli.by_time_alone": (
        "--by-time finds the recordings itself. Leave out file names, --all, --move, --remux and --undo."
    ),
    "cli.bytes_differ": "does not match its checksum, although its size and times are unchanged",
    "cli.csv_or_json": "Choose either --csv or --json.",
    "cli.empty_lab_name": "The name of the lab folder is empty. Set it with --lab DIR or {variable}.",
    "cli.file_failed": "  - {file} {problem}",
    "cli.files_differ": (
        "{count} file does not match its checksum or could not be read:",
        "{count} files do not match their checksums or could not be read:",
    ),
    "cli.files_differ.remedy": (
        "The disk is failing, or a program writes to the disk directly, bypassing the file system: restore the "
        "files from a backup. If a change is intended, run `touch FILE`. 'labcrate index --check' reads them again."
    ),
    "cli.files_not_indexed": (
        "{count} file could not be indexed:",
        "{count} files could not be indexed:",
    ),
    "cli.invalid_option": "Invalid command line: {problem}. See '{command} --help'.",
    "cli.move_or_remux": "--move moves a file, --remux leaves it in place. Choose one of them.",
    "cli.name_missing": "NAME is missing: labcrate {command} NAME",
    "cli.name_not_allowed": "labcrate {command} takes no NAME: it lists all entries.",
    "cli.no_password": "No password was typed.",
    "cli.no_terminal_by_time": "--by-time needs your confirmation, but there is no terminal. To link without it, add --yes.",
    "cli.no_terminal_for_password": "There is no terminal to read the password from. Use --password-stdin.",
    "cli.no_terminal_to_fill": (
        "fill needs your confirmation, but there is no terminal. To add the sessions without it, add --yes."
    ),
    "cli.no_terminal_to_link": (
        "No files were linked: --all needs your confirmation, but there is no terminal. To link without it, add --yes."
    ),
    "cli.no_token": "There is no token '{name}'. List all tokens: labcrate token list",
    "cli.one_name": "labcrate study {action} takes one NAME. Put a name with spaces in quotation marks.",
    "cli.option_without_files": "{option} needs files. Give the name of a near miss from the output of 'labcrate plan'.",
    "cli.password_not_utf8": "The password on standard input is not UTF-8 text.",
    "cli.passwords_differ": "The two passwords are different.",
    "cli.port": "--port is {port}. Use a number from 0 to {highest}; 0 chooses a free port.",
    "cli.proxy_without_url": "--trusted-proxy needs --base-url: add the address that the proxy serves.",
    "cli.recorder_folder": "--recorder is '{folder}', which is not a folder. Use the folder with the recorders' files.",
    "cli.role_missing": "--role is missing: labcrate user role NAME --role {roles}",
    "cli.settings_exist": (
        "{file} already exists and was not changed. Edit it, or move it away and run this command again."
    ),
    "cli.settings_not_written": (
        "{file} cannot be written to the lab folder ({error}). Ask the folder's owner to save the output of "
        "'labcrate init --print' there."
    ),
    "cli.several_cameras": "--camera was given more than once. Link the files of each camera separately.",
    "cli.signature_invalid": (
        (
            "{file} matches its manifest, but has no valid signature by this key: {count} finding. It may not come "
            "from the lab: get the archive and {signature} again from the lab."
        ),
        (
            "{file} matches its manifest, but has no valid signature by this key: {count} findings. It may not come"
            " from the lab: get the archive and {signature} again from the lab."
        ),
    ),
    "cli.signature_without_key": "--signature needs the public key: add --key PUBKEY.",
    "cli.similar_command": "There is no command '{word}'. Did you mean '{similar}'?",
    "cli.study_words": "Arguments are missing: labcrate study {action} NAME add|remove {word} ...",
    "cli.tag_missing": "--tag is missing: labcrate study fill NAME --tag TAG",
    "cli.tls_both": "--tls-cert and --tls-key belong together. Give both.",
    "cli.token_of_several": "{users} each have a token '{name}'. Choose one with --user NAME.",
    "cli.token_user_missing": "--user is missing: labcrate token add NAME --user NAME",
    "cli.trusted_proxy": (
        "--trusted-proxy is '{network}', which is not an address or network. Write 192.0.2.7, 10.0.0.0/8 or "
        "2001:db8::/32, for example."
    ),
    "cli.undo_alone": "--undo takes no file names and no other options.",
    "cli.unknown_command": "There is no command '{word}'. The commands are: {commands}.",
    "cli.unknown_option": "There is no option '{option}' before the command. See 'labcrate --help'.",
    "cli.yes_without_all": "--yes is only for --all and --by-time. Leave it out if you name the files.",
}
