"""``labcrate keygen``: create the key that signs the lab's archives."""

from argparse import Namespace

from labcrate.cli.screen import open_lab, say, say_command, write_json
from labcrate.export.signing import make_key


def run(options: Namespace) -> int:
    """Create the lab's key pair, and print how to use it."""
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
    say(f"Created the lab's key: {key.key_id}")
    say(f"  secret: {made.secret_file}")
    say("    Back it up and keep it secret: anyone who has it can sign in the lab's name.")
    say(f"  public: {made.public_file}")
    print(f"\n{key.text}\n")
    say("Give the public key to the people who receive archives, by another channel than the archives.")
    say("Sign an archive:")
    say_command(("labcrate", "export", "ID", "--sign"), options, "    ")
    say("Verify a signed archive:")
    print(f"    labcrate verify FILE --key {key.text}")
    return 0
