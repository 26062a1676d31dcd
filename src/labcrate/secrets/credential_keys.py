"""Exact key names whose value is a credential, and topics of the bridge.

Keys are compared as a whole, in lower case and without anything but letters and digits: ``networkKey``,
``network_key`` and ``NETWORK-KEY`` are one key, and ``userExperience`` is not ``user``.
Key names of Zigbee2MQTT are those of its ``lib/util/settings.schema.json``; those of a lock are in
zigbee-herdsman-converters, ``exposes.Lock`` (``pin_code``, ``users``).
"""

import re

# fmt: off
CREDENTIALS = frozenset({
    "password", "passwords", "passwd", "pwd", "passphrase", "passcode", "passwordhash",
    "camerapassword", "campassword", "rtsppassword", "mqttpassword", "wifipassword", "adminpassword", "userpassword",
    "secret", "clientsecret", "secretkey", "sharedsecret", "apisecret",
    "token", "tokens", "accesstoken", "refreshtoken", "authtoken", "apitoken", "bearertoken", "bearer",
    "sessiontoken", "influxtoken", "influxdbtoken",
    "apikey", "accesskey", "privatekey", "encryptionkey", "networkkey", "linkkey", "installcode",
    "psk", "presharedkey", "wifipsk", "wifikey", "wpapsk", "wpakey",
    "credential", "credentials", "authorization", "pincode", "pincodes", "ssid", "wifissid",
})
"""Keys of any document whose value is blanked, and searched for in everything else."""

PAYLOAD_CREDENTIALS = CREDENTIALS | {"users", "pin"}
"""Keys of a device's message whose value is blanked: a lock reports its user table under ``users``."""

LEFT_OUT = frozenset({
    "username", "usernames", "camerausername", "rtspusername", "mqttusername", "mqttuser", "streampath",
})
"""Keys of any document that are left out. Their values are not searched for: ``admin`` and ``live`` are words."""

CAMERA_LEFT_OUT = LEFT_OUT | {"user", "login"}
"""Keys of a camera that are left out."""

ADDRESSES = frozenset({
    "ip", "ipaddress", "ipaddr", "ipv4", "ipv6", "ipv4address", "ipv6address", "host", "hostname", "address", "addr",
    "networkaddress", "netaddress", "server", "broker", "gateway", "mqttserver", "mqtthost", "mqttbroker", "url", "uri",
    "baseurl", "rtsp", "rtspurl", "rtspuri", "rtmpurl", "streamurl", "streamuri", "stream", "mainstream", "substream",
    "snapshoturl", "snapshoturi", "hlsurl", "onvifurl", "onvif", "cameraurl", "videourl", "endpoint",
})
"""Keys of a camera or of the bridge whose value is a network address or a URL with one."""
# fmt: on

STEMS = (
    "pass", "pwd", "phrase", "ecret", "oken", "key", "earer", "psk", "redential", "uthoriz", "pin", "ssid", "nstall",
    "sers",
)  # fmt: skip
"""Lower-case parts, one of which is in each key of ``PAYLOAD_CREDENTIALS``, in any spelling that programs use."""

HARMLESS_WORDS = {"nstall": "nstalled"}
"""Stems with the words that continue them and are in no credential's key: most devices report ``installed_version``."""

_SEPARATORS = re.compile(rb"[^a-z0-9]+")


def normalize_key(key: str) -> str:
    """Return a key in lower case with letters and digits only, so that all spellings are equal."""
    return _SEPARATORS.sub(b"", key.encode("ascii", "ignore").lower()).decode()


def is_bridge_topic(topic: str) -> bool:
    """Return whether a topic is one of the bridge's own, below any base topic: ``.../bridge/...``.

    The bridge publishes its whole configuration there (Zigbee2MQTT, ``MQTT topics and messages``).
    """
    return topic.startswith("bridge/") or "/bridge/" in topic
