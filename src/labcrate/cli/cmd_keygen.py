"""``labcrate keygen``: the key that signs the lab's archives."""

from argparse import Namespace

from labcrate.cli.screen import open_lab, say, say_command, write_json
from labcrate.export.signing import make_key


def run(options: Namespace) -> int:
    """Make the lab's key pair, once, and say what to do with it."""
    made = make_key(open_lab(options))
    key = made.public
    if options.json:
        write_json(
            {
                "keyId": key.key_id,
                "publicKey": key.text,
                "secretKeyFile": str(made.secret_file),
                "publicKeyFile": str(made.public_file),
            }
        )
        return 0
    say(f"The lab has a key now: {key.key_id}")
    say(f"  secret: {made.secret_file}")
    say("    Back it up, show it to nobody: whoever has it can sign in the lab's name.")
    say(f"  public: {made.public_file}")
    print(f"\n{key.text}\n")
    say("Send the public key to whoever receives archives, by another route than the archives.")
    say("Sign an archive:")
    say_command(("labcrate", "export", "ID", "--sign"), options, "    ")
    say("Whoever has it checks it:")
    print(f"    labcrate verify FILE --key {key.text}")
    return 0
