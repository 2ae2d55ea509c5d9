"""Secrets on command lines: behind an option, or in the place where a command expects one.

Each row has a literal that the text must hold to be searched. Repeats are bounded.
"""

from __future__ import annotations

from typing import Final

__all__ = ["COMMANDS"]

_MIXED: Final = r"""(?=[^\s"']{0,64}\d)(?=[^\s"']{0,64}[A-Za-z])"""
_REST: Final = r"""[^|;&\r\n]{0,256}?"""
"""What may stand between the name of a command and its option."""
_SPACE: Final = r"[ \t]{1,8}"
_VALUE: Final = r"""["']?[^\s"']{1,512}"""


def _command(names: str, option: str) -> str:
    """Return a pattern of a command's option, up to its value; one for all shells."""
    return rf"(\b(?:{names})\b{_REST}\s(?:{option}))"


_LOGIN: Final = (
    r"""((?:^|\s)(?:-u|--user|--proxy-user|-a|--auth)[ =][ \t]{0,8}["']?[^\s:"'/-][^\s:"'/]{0,128}:)"""
    r"""(?!\d{1,5}(?:\s|$)|//)[^\s"']{1,512}"""
)
_NAME: Final = r"[\w.:/-]{0,64}(?i:passw(?:or)?d|secret|token|api_?key|access_?key|private_?key)(?![sS])\w{0,16}"
_SET: Final = rf"(\b(?:setx|ENV|ARG|(?:configure|config)(?:[ ]--\w{{1,16}}|[ ]set)){_SPACE}{_NAME}{_SPACE})"
"""setx API_KEY ..., ENV API_KEY ..., npm config set //host/:_authToken ..."""
_MYSQL: Final = r"mysql(?:dump|admin|import|show|check|sh|pump)?|mariadb(?:-dump|-admin)?|mycli"
_REGISTRIES: Final = (
    r"(?:docker|podman|buildah|skopeo|helm|oc|az|nerdctl|crane|gh|npm|vault)\s{1,8}(?:registry\s{1,8})?login"
)
_MONGO: Final = r"mongo(?:sh|dump|restore|export|import|stat|top)?"
_LDAP: Final = r"ldap(?:search|add|modify|delete|passwd|whoami)"
_LISTED: Final = (
    r"""(["']--(?:\w{1,32}-){0,4}(?i:passw(?:or)?d|passphrase|token|secret|api-?key)(?:-\w{1,16})?["'],\s{0,4}["'])"""
)
"""['--password', ...]"""

COMMANDS: Final[tuple[tuple[str, str], ...]] = (
    ("-", _LOGIN),
    ("-p", _command(_MYSQL, r"-p(?![\s=])") + _VALUE),
    ("sshpass", rf"(\bsshpass{_SPACE}(?:-v{_SPACE})?-p[ \t]{{0,8}}){_VALUE}"),
    ("login", _command(_REGISTRIES, "-[pP]") + _SPACE + _VALUE),
    ("mongo", _command(_MONGO, "-p") + _SPACE + _VALUE),
    ("ql", _command("sqlcmd|osql|bcp|snowsql|cqlsh|tsql", "-[pP]") + rf"[ \t]{{0,8}}(?!\d{{1,5}}\s){_VALUE}"),
    ("bcp ", _command("bcp", "-P") + _SPACE + _VALUE),
    ("sqlplus", r"""(\bsqlplus\b[^|;&\r\n]{0,64}?\s[\w.]{1,64}/)[^\s@"']{1,256}"""),
    ("redis-cli", _command("redis-cli", "-a|--pass") + _SPACE + _VALUE),
    ("ldap", _command(_LDAP, "-w") + _SPACE + _VALUE),
    ("zip", _command("unzip|zip", "-P") + rf"[ \t]{{0,8}}{_VALUE}"),
    ("7z", _command("7z[ar]?", r"-p(?!\s)") + _VALUE),
    ("twine", _command("twine", "-p") + _SPACE + _VALUE),
    ("%", rf"(\s-U{_SPACE}[^\s%]{{1,128}}%)[^\s\"']{{1,256}}"),  # smbclient
    ("-pass", rf"(\s-pass(?:in|out)?{_SPACE}pass:)[^\s\"']{{1,512}}"),  # openssl
    ("set", _SET + _VALUE),
    ("ENV ", _SET + _VALUE),
    ("ARG ", _SET + _VALUE),
    ("config ", _SET + _VALUE),
    ("http-basic.", rf"(\bhttp-basic\.\S{{1,128}}{_SPACE}\S{{1,64}}{_SPACE}){_VALUE}"),  # composer
    ("/user:", rf"(\bnet use\b{_REST}\s/user:\S{{1,64}}{_SPACE}){_VALUE}"),
    ("requirepass", rf"(\brequirepass{_SPACE}){_VALUE}"),
    ("masterauth", rf"(\bmasterauth{_SPACE}){_VALUE}"),
    ("jdbc:oracle", r"""(jdbc:oracle:\w{1,16}:[\w.$]{1,64}/)[^\s@"']{1,256}(?=@)"""),
    ("htpasswd", rf"(\bhtpasswd{_SPACE}-\w{{0,8}}b\w{{0,8}}{_SPACE}(?:\S{{1,128}}{_SPACE}){{1,2}}){_VALUE}"),
    ("htpasswd", rf"(\bhtpasswd{_SPACE}-\w{{0,8}}n\w{{0,8}}{_SPACE}\S{{1,64}}{_SPACE}){_VALUE}"),
    ("rabbitmqctl", rf"(\brabbitmqctl{_SPACE}(?:add_user|change_password){_SPACE}\S{{1,64}}{_SPACE}){_VALUE}"),
    ("mc alias", rf"(\bmc{_SPACE}alias{_SPACE}set{_SPACE}(?:\S{{1,256}}{_SPACE}){{3}}){_VALUE}"),
    ("rclone", rf"(\brclone{_SPACE}obscure{_SPACE}){_VALUE}"),
    ("wpa_passphrase", rf"(\bwpa_passphrase{_SPACE}\S{{1,64}}{_SPACE}){_VALUE}"),
    ("wandb", rf"(\bwandb{_SPACE}login{_SPACE}(?:--relogin{_SPACE})?)(?!-){_VALUE}"),
    ("authtoken", rf"(\bauthtoken{_SPACE}){_MIXED}[\w-]{{16,512}}"),  # ngrok
    ("snmp", _command(r"snmp(?:walk|get|set|bulkwalk|table|trap)", "-[AXc]") + _SPACE + _VALUE),
    ("mosquitto", _command(r"mosquitto_(?:pub|sub|rr)", "-P") + _SPACE + _VALUE),
    ("ipmitool", _command("ipmitool", "-P") + _SPACE + _VALUE),
    ("beeline", _command("beeline", "-p") + _SPACE + _VALUE),
    ("keygen", _command("ssh-keygen", "-[NP]") + _SPACE + r"""["']?[^\s"']{4,512}"""),
    ("openssl", _command("openssl", "-[kK]") + _SPACE + _VALUE),
    ("rar", _command("(?:un)?rar", r"-h?p(?![\s-])") + _VALUE),
    ("doctl", _command("doctl", "-t") + _SPACE + _VALUE),
    ("fly", _command("fly(?:ctl)?", "-t") + _SPACE + _VALUE),
    # Of any command that is given a user, too; `-p 80:80/tcp` is a port.
    *(
        (
            f" -{option} ",
            rf"(\s-[uU]{_SPACE}[^\s-]\S{{0,63}}{_REST}\s-{option}{_SPACE})(?!\d{{1,5}}[:/]|\d{{1,3}}\.){_MIXED}{_VALUE}",
        )
        for option in "pP"
    ),
    ("'--", rf"{_LISTED}[^\s\"']{{1,512}}"),
    ('"--', rf"{_LISTED}[^\s\"']{{1,512}}"),
    ("mysql", rf"""(["'](?:{_MYSQL})["'],[^\[\]\r\n]{{0,256}}?["']-p)[^\s"']{{3,512}}"""),
    ("--body", rf"(\bsecret{_SPACE}set\b{_REST}\s--body(?:=|{_SPACE})){_VALUE}"),
    ("SecureString", rf"(\bSecureString\b{_REST}\s--value(?:=|{_SPACE})){_VALUE}"),
    ("SecureString", rf"(\bput-parameter\b{_REST}\s--value(?:=|{_SPACE})){_VALUE}"),
    (
        "base64",
        rf"""(\becho{_SPACE}(?:-n{_SPACE})?["']?[\w.@-]{{1,64}}:)[^\s"'|$]{{3,512}}(?=["']?\s{{0,4}}\|\s{{0,4}}base64)""",
    ),
    ("set ", rf"(\bset{_SPACE}[A-Z_]{{0,48}}(?:PASSWORD|SECRET|TOKEN|API_KEY)[A-Z_]{{0,16}}{_SPACE}){_VALUE}"),
    ("useradd", _command("useradd|usermod", "-p") + _SPACE + _VALUE),
    ("-pw ", rf"(\b(?:plink|pscp|psftp|putty)(?:\.exe)?\b{_REST}\s-pw{_SPACE}){_VALUE}"),
    ("/p:", rf"(\bxfreerdp\b{_REST}\s/p:){_VALUE}"),
    ("lftp", rf"(\blftp\b{_REST}\s-u{_SPACE}[^\s,]{{1,64}},){_VALUE}"),
    ("net user", rf"(\bnet{_SPACE}user{_SPACE}\S{{1,64}}{_SPACE})(?![/*]){_VALUE}"),
    ("mysqladmin", rf"(\bmysqladmin\b{_REST}\spassword{_SPACE}){_VALUE}"),
    ("ConvertTo-SecureString", rf"""(\bConvertTo-SecureString{_SPACE}(?:-String{_SPACE})?["'])[^"'\r\n]{{1,512}}"""),
    (
        "-stdin",
        rf"""((?:echo|printf)(?:{_SPACE}-\w{{1,3}})?{_SPACE}["']?)[^\s"'|$]{{4,512}}(?=["']?\s{{0,4}}\|[^|\r\n]{{0,128}}-stdin\b)""",
    ),
    (
        "sudo ",
        rf"""((?:echo|printf)(?:{_SPACE}-\w{{1,3}})?{_SPACE}["']?)[^\s"'|$]{{4,512}}(?=["']?\s{{0,4}}\|\s{{0,4}}sudo{_SPACE}(?:-\w{{1,8}}{_SPACE}){{0,3}}-\w{{0,8}}S\b)""",
    ),
    (
        "chpasswd",
        rf"""((?:echo|printf)(?:{_SPACE}-\w{{1,3}})?{_SPACE}["']?[\w.-]{{1,64}}:)[^\s"'|$]{{1,512}}(?=["']?\s{{0,4}}\|[^|\r\n]{{0,64}}chpasswd\b)""",
    ),
    ("send ", rf"""(\bsend{_SPACE}(?:--{_SPACE})?["']){_MIXED}[^\s"'\\$]{{6,256}}(?=\\[rn]["'])"""),  # expect
)
"""What a text must hold to be searched, and what to search for; the first group is what stays."""
