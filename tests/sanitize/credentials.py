"""A corpus of credentials as they occur in logs, and of texts that only look like them. All of it is made up here.

A form is text with places: {w40} is forty letters, digits, - and _; {a20} letters and digits; {A16} capitals and
digits; {h32} hexadecimal; {d10} digits; {b40} base64. What is filled in is the secret: none of it may stay. A plus
within a mark is left out: scanners are not to take this file for a leak.
"""

from __future__ import annotations

import random
import re
import string

__all__ = ["BENIGN", "CONTEXTS", "IN_CONTEXT", "KEYS", "filled", "leaks"]

_ALPHABETS = {
    "w": string.ascii_letters + string.digits + "-_",
    "a": string.ascii_letters + string.digits,
    "A": string.ascii_uppercase + string.digits,
    "h": "0123456789abcdef",
    "d": string.digits,
    "b": string.ascii_letters + string.digits + "+/",
    "l": string.ascii_lowercase + string.digits,
}
_PLACE = re.compile(r"\{([waAhdbl])(\d+)\}")


def filled(form: str, seed: int) -> tuple[str, list[str]]:
    """Return the form with its places filled, and what was filled in."""
    rng = random.Random(f"{form} {seed}")
    secrets: list[str] = []

    def fill(match: re.Match[str]) -> str:
        letters = _ALPHABETS[match[1]]
        # Letters at the ends, so that no end of a word falls into it; a digit, as real ones have.
        size = int(match[2])
        text = "".join(rng.choices(letters, k=size))
        if match[1] in "wa" and size >= 6:
            text = f"x{text[1:-2]}7Q"
        secrets.append(text)
        return text

    return _PLACE.sub(fill, re.sub(r"(?<=[\w ])\+(?=[A-Za-z])", "", form)), secrets


def leaks(redacted: str, secrets: list[str]) -> bool:
    """Tell whether a piece of a secret is still there that a reader could use: half of it, or eight characters."""
    return any(
        secret[start : start + size] in redacted
        for secret in secrets
        if (size := min(8, max(3, len(secret) // 2)))
        for start in range(len(secret) - size + 1)
    )


KEYS = [
    "sk-proj-{w48}", "sk-{a48}", "sk-svcacct-{w60}", "sk-admin-{w40}", "sk-ant-api03-{w90}AA", "sk-ant-admin01-{w60}",
    "sk-or-v1-{h64}", "sk-lf-{h8}-{h4}-{h4}-{h4}-{h12}", "sess-{a40}", "xai-{a80}", "pplx-{a48}", "tvly-{a32}",
    "tvly-dev-{a32}", "nvapi-{w64}", "gsk_{a52}", "hf_{a34}", "r8_{a37}", "lsv2_pt_{h32}_{h10}", "csk-{l48}",
    "tgp_v1_{w43}", "fw_{a24}", "rpa_{A40}", "pcsk_{a60}", "jina_{a60}", "e2b_{h40}", "pa-{w43}", "llx-{a48}",
    "fc-{h32}", "sk_{h48}", "phx_{a43}", "AK+IA{A16}", "AS+IA{A16}", "ABSK{b120}=", "AI+za{w35}", "GOCSPX-{w28}",
    "ya29.{w120}", "1//0{w60}", "AQ.Ab8{w48}", "LTAI{a20}7", "dop_v1_{h64}", "dapi{h32}",
    "HRKU-{h8}-{h4}-{h4}-{h4}-{h12}", "v1.0-{h24}-{h146}", "sha256~{w43}", "nfp_{a40}", "tskey-auth-{a16}-{a30}",
    "ghp_{a36}", "gho_{a36}", "ghs_{a36}", "github_pat_{a22}_{a59}", "glpat-{w20}", "glpat-{w27}.01.{l9}", "gldt-{w20}",
    "glrt-{w20}", "glcbt-{a2}_{w20}", "glptt-{h40}", "GR1348941{w20}", "ATATT3xFfGF0{w180}", "ATBB{a32}",
    "dckr_pat_{w27}", "npm_{a36}", "pypi-AgEIcHlwaS5vcmc{w60}", "rubygems_{h48}", "oy2{l43}", "CCIPAT_{a22}_{h40}",
    "bkua_{h40}", "pul-{h40}", "dp.pt.{a43}", "pnu_{a36}", "hvs.{w90}", "hvb.{w120}", "s.{a24}", "{a14}.atlasv1.{w67}",
    "sgp_{h40}", "sqp_{h40}", "AGE-SECRET-KEY-1{A58}", "ops_eyJ{w200}", "glsa_{a32}_{h8}", "glc_{b60}==",
    "eyJrIjoi{a80}==", "sntrys_{b120}", "sntryu_{h64}", "NRAK-{A27}", "dt0c01.{A24}.{A64}", "sbp_{h40}",
    "sb_secret_{w32}", "pscale_tkn_{w43}", "xo+xb-{d11}-{d12}-{a24}", "xo+xp-{d11}-{d11}-{d12}-{h32}",
    "xapp-1-A{A10}-{d13}-{h64}", "xoxe.xoxp-1-{a160}", "https://hooks.slack.com/services/T{A8}/B{A10}/{a24}",
    "{d10}:AAF{w32}", "https://api.telegram.org/bot{d10}:AAH{w32}/getMe", "M{a23}.{w6}.{w27}",
    "https://discord.com/api/webhooks/{d18}/{w68}", "SK{h32}", "SG.{w22}.{w43}", "xkeysib-{h64}-{a16}", "key-{h32}",
    "{h32}-us12", "EAA{a100}", "sk_+live_{a24}", "rk_+live_{a24}", "sk_+test_{a24}", "whsec_{a32}", "whsec_{b32}",
    "shpat_{h32}", "shpss_{h32}", "EAAA{w60}", "sq0atp-{w22}", "sq0csp-{w43}", "rzp_live_{a14}", "FLWSECK-{h32}-X",
    "shippo_live_{h40}", "EZAK{a54}", "duffel_live_{w43}", "access-production-{h8}-{h4}-{h4}-{h4}-{h12}", "ntn_{a46}",
    "secret_{a43}", "lin_api_{a40}", "figd_{w40}", "PMAK-{h24}-{h34}", "pat{a14}.{h64}",
    "pat-na1-{h8}-{h4}-{h4}-{h4}-{h12}", "tfp_{w44}", "CFPAT-{w43}", "rdme_{l70}", "sdk-{h8}-{h4}-4{h3}-{h4}-{h12}",
    "sk.eyJ1Ijoi{w60}.{w22}", "eyJhbGciOiJIUzI1NiJ9.eyJ{w60}.{w43}", "a1b8Q~{w34}",
    "m0-{a40}", "flp_{a44}", "sk_car_{a24}", "wandb_v1_{a40}", "ak-{a22}", "key_{h64}", "t1.{a40}.{w86}",
    "tk-us-{w48}", "napi_{l64}", "2{a26}_{a21}", "4b1d{a38}", "dnkey-{w26}-{w52}", "p8e-{l32}", "cmVmdGtuO{a54}",
    "pat.{w22}.{a24}.{a20}", "ico-{a32}", "API-{A26}", "sm_pat_{a16}", "polar_oat_{a43}", "re_{a8}_{a24}",
    "sandbox_{w40}", "{a6}_{a29}_mmk", "s-s4t2ud-{h64}", "_gitlab_session={h32}", "JSESSIONID={A32}", "ZXlK{a120}",
    "PMAT-{A26}", "dose{h32}", "snyk_uat.{h8}.{w80}", "{h36}FFFFNRAL", "hcaik_{l58}", "st.{h24}.{h32}.{h32}",
    "AQEmhm{b80}", "live_{h35}", "{a76}AZDO{a4}", "sl.u.{w120}", "sl.{w100}", "00{w40}", "api_live.{a32}",
    "dG9rO{b60}=", "u+{w18}", "secret-{a40}", "api-{h8}-{h4}-{h4}-{h4}-{h12}", "jina_{w60}",
    "https://maker.ifttt.com/trigger/x/with/key/{w43}", "https://events.pagerduty.com/integration/{h32}/enqueue",
    "PuTTY\nPrivate-Lines: 2\n{b64}\n{b40}\nPrivate-MAC: 0",
    "-----BEGIN RSA +PRIVATE KEY-----\nMII{b64}\n{b64}\n-----END RSA +PRIVATE KEY-----",
    "-----BEGIN OPENSSH +PRIVATE KEY-----\n{b70}\n-----END OPENSSH +PRIVATE KEY-----",
    "-----BEGIN PGP +PRIVATE KEY BLOCK-----\n\n{b64}\n=ab1d\n-----END PGP +PRIVATE KEY BLOCK-----",
]  # fmt: skip
"""Keys that are known by themselves."""

CONTEXTS = [
    "{}", "request with {} was refused", '{{"header": "{}"}}', "config: key={} region=eu", "tried {}, then gave up",
    "401 for `{}`.", "({})", "--token {} --verbose", "https://api.example.com/v1?x=1&k={}&y=2", "KEY: {}\nnext line",
]  # fmt: skip

IN_CONTEXT = [
    "password={a12}", "password: {a12}", "Password : {a12}", "PASSWORD='{a10} {a4}'", '"password": "{a12}"',
    "passwd={a9}", "pwd={a12};Database=x", "Server=db;User Id=sa;Password={a12};", "PGPASSWORD={a12} psql -h db",
    "MYSQL_PWD={a12}", "DB_PASSWORD={a16}", "db.password={a12}", "spring.datasource.password={a12}",
    "REDIS_PASSWORD: {a16}", "password is {a12}", "the password is '{a12}'", "Your password was {a12}.",
    "passphrase is {a14}", "password for root is {a12}", "login with password {a12}", "token is {a24}",
    "api key is {a24}", "The API key: {a24}", "secret access key: {b40}", "aws_secret_access_key = {b40}",
    "AWS_SECRET_ACCESS_KEY={b40}", '"SecretAccessKey": "{b40}"', "AccountKey={b86}==;EndpointSuffix=x",
    "SharedAccessKey={b43}=", "?sv=2024&sig={a40}%3D&se=2026", "https://maps.example.com/api?key={a32}&q=x",
    "https://f.azurewebsites.net/api/run?code={a50}==", "GET /v1/data?api_key={h32} 200", "GET /x?access_token={a40}",
    "https://x/cb?code={a40}&state=1", "X-Amz-Signature={h64}&x=1", "X-Goog-Signature={h64}",
    "Authorization: Bearer {a40}", "authorization=Basic {b24}==", "Authorization: Token {h40}", "Bearer {a32}",
    "Proxy-Authorization: Basic {b20}=", "Basic {b22}==", "X-Api-Key: {a32}", "x-goog-api-key: {a39}", "api-key: {h32}",
    "Ocp-Apim-Subscription-Key: {h32}", "X-Auth-Token: {a32}", "X-Vault-Token: {a26}", "PRIVATE-TOKEN: {a20}",
    "Cookie: session={a32}; theme=dark", "Set-Cookie: sid={a40}; HttpOnly", "client_secret={a40}",
    '{"clientSecret": "{a40}"}', "refresh_token={a60}", "id_token: {a60}", "OPENAI_API_KEY={a40}",
    "export AZURE_OPENAI_KEY={h32}", "COHERE_API_KEY={a40}", "MISTRAL_API_KEY={a32}", "os.environ['API_KEY'] = '{a20}'",
    "postgres://app:{a16}@db:5432/x", "mysql+pymysql://root:{a12}@localhost/x", "redis://:{a20}@cache:6379/0",
    "amqps://u:{a20}@mq.example.com/v", "mongodb+srv://u:{a18}@c.mongodb.net/x", "https://user:{a20}@proxy:3128",
    "https://{h32}@o1.ingest.sentry.io/2", "https://oauth2:{a20}@gitlab.example.com/x.git", "ftp://u:{a10}@h/x",
    "smtp://mailer:{a16}@smtp.example.com:587", "curl -u admin:{a12} https://x", "curl --user admin:{a12} https://x",
    "mysql -u root -p{a12} shop", "mysqldump -uroot -p{a12} --all-databases", "sshpass -p {a12} ssh host",
    "docker login -u me -p {a20} registry", "helm registry login x -u me -p {a20}", "mongosh -u a -p {a12} db",
    "redis-cli -h cache -a {a20} ping", "sqlcmd -S x -U sa -P {a12}", "sqlplus scott/{a12}@orcl",
    "ldapsearch -D cn=x -w {a12} -b y", "7z x a.7z -p{a12}", "unzip -P {a12} a.zip", "openssl rsa -passin pass:{a12}",
    "machine api.x.com login me password {a16}", "db.example.com:5432:shop:app:{a16}", "--password {a12}",
    "--password={a12}", "--api-key {a24}", "--token={a24}", "--client-secret '{a24}'", "<password>{a12}</password>",
    "<ApiKey>{a24}</ApiKey>", "&quot;password&quot;:&quot;{a12}&quot;", "password%3D{a12}",
    "{'auth': ('me', 'x'), 'password': '{a12}'}", "Client(api_key='{a24}', timeout=3)", "SecretStr token={a24}",
    "//registry.npmjs.org/:_authToken={a36}", "_password={b20}==", "JWT_SECRET={a32}", "SECRET_KEY = 'django-{a40}'",
    "encryption_key: {h64}", "signing_key={h64}", "private_key={h64}", "webhook_secret: {a32}", "otp={d6}",
    "your otp is {d6}", "verification code is {d6}", "passcode: {d6}", "('password', '{a12}')",
    "connection failed (pass={a12})", "TWILIO_AUTH_TOKEN={h32}", "DD_API_KEY={h32}", "SENDGRID_KEY={a40}",
    "GRAFANA_TOKEN: {a40}", "TELEGRAM_BOT_TOKEN={d10}:{w35}", "bot token is {a40}", "snowsql -a x -u y password={a12}",
    '{"name": "DB_PASSWORD", "value": "{a16}"}', '{\\"name\\":\\"API_KEY\\",\\"value\\":\\"{a24}\\"}',
    '{"value": "{a16}", "key": "client_secret"}', "- name: API_TOKEN\n  value: {a24}\n",
    "- name: X_SECRET\n  value: '{a9}'",
    '<add key="ApiKey" value="{a24}"/>', '<entry key="db.password">{a12}</entry>',
    '<property name="password" value="{a12}" />',
    "1 validation error for S\napi_key\n  bad [type=x, input_value='{a24}', input_type=str]",
    "aws configure set aws_secret_access_key {b40}", "npm config set //npm.example.com/:_authToken {a36}",
    "git config --global app.token {a20}", "setx API_KEY {a24}", "ENV DB_PASSWORD {a12}", "ARG NPM_TOKEN {a20}",
    "composer config http-basic.x.com me {a20}", "net use z: //h/s /user:me {a12}", "requirepass {a24}",
    "masterauth {a24}", "jdbc:oracle:thin:scott/{a12}@//h:1521/x", 'variable "db_password" { default = "{a12}" }',
    "CREATE USER x IDENTIFIED BY '{a12}'", "alter user x identified with mysql_native_password by '{a12}'",
    "CREATE ROLE x WITH PASSWORD 'correct{a4}'", "requests.get(u, auth=('me', '{a12}'))",
    'HTTPBasicAuth("me", "{a12}")',
    "client-key-data: {b60}", "ansible_become_pass: {a12}", "the auth token {a32} was refused",
    "Passwort: {a12}", "mot de passe : {a12}", "contraseña es {a12}", "пароль: {a12}", "密码: {a12}",
    "パスワードは{a12}",
    "the root password on db1 is now {a12}", "password for user me: {a12}", "I set the password to {a12} on Monday",
    "the new pw is {a12}", "the admin pass is {a12}", "log in with me / {a12}", "Basic login me:{a12} failed",
    "Incorrect API key provided: {a32}.", "Invalid token {a32}", "private key {a40}", "seed phrase: {w60}",
    "htpasswd -b .htpasswd me {a12}", "htpasswd -nbB me {a12}", "echo {a12} | sudo -S apt update",
    "echo {a24} | docker login -u me --password-stdin", "echo 'me:{a12}' | chpasswd", "AUTH {a16}",
    "mc alias set s3 https://s3.x.io me {a12}", "rabbitmqctl add_user me {a12}", "rclone obscure {a12}",
    "keytool -storepass {a12} -list", "keytool -genkey -keypass {a12}", "cqlsh -u me -p {a12}", "app -token {a24}",
    "snmpwalk -v3 -u me -A {a12} host", "mosquitto_pub -u me -P {a12} -t x", "ngrok config add-authtoken {a40}",
    "wandb login {a40}", "openssl enc -aes-256-cbc -k {a12} -in f", "unrar x -p{a12} a.rar", "plink -pw {a12} me@h",
    "lftp -u me,{a12} sftp://h", "net user me {a12} /add", "doctl auth init -t {a32}", "fly deploy -t {a32}",
    'ConvertTo-SecureString "{a12}" -AsPlainText', "ssh-keygen -t ed25519 -N {a12} -f k",
    "sentinel auth-pass mymaster {a12}", 'expect: send "{a12}\\r"', 'server.login("me@x.com", "{a12}")',
    'sql.Open("mysql", "root:{a12}@tcp(127.0.0.1:3306)/shop")', "cohere.Client('{a32}')",
    "INSERT INTO users (name, password) VALUES ('me', '{a12}')", "CREATE LOGIN me WITH PASSWORD = N'{a12}'",
    "rabbitmq_default_pass = {a12}", "ADMIN_PW={a12}", "psk={h32}", "pre-shared key: {a32}", "Wi-Fi key: {a12}",
    "x-functions-key: {a32}", "Authorization: ApiKey {a32}", "Authorization: Splunk {a32}", "FERNET_KEY={b43}=",
    "PAGERDUTY_KEY={a32}", "ASANA_PAT={a40}", "TF_TOKEN_app_terraform_io={a32}", "?q=x&appid={h32}&units=metric",
    "sid={h32}; Path=/", "recovery_code={a40}", "password: !vault {a32}", "password:\n  {a12}\n", "api_key\\u003d{a32}",
    "args=['--user', 'me', '--password', '{a12}']", 'run ["mysql", "-ume", "-p{a12}", "shop"]',
    "the db password (from the vault): {a12}", "PW for staging: {a12}", "pass for the vpn is {a12}",
    "creds: me / {a12}",
    "default credentials admin/{a12}", "password changed from {a12} to another", "root:{a12}@10.0.0.3",
    "evil-winrm -i h -u me -p {a12}", "bcp x out f -U sa -P {a12}", "gh secret set DB_PASSWORD --body {a12}",
    "put-parameter --type SecureString --value {a12}", "echo -n me:{a12} | base64", "openai.api.key={a40}",
    "AWS_BEARER_TOKEN_BEDROCK={a40}", 'twilio.rest.Client("ACx", "{h40}")', 'Github("{h40}")',
    'jwt.encode(payload, "{a40}", algorithm="HS256")', 'hmac.new(b"{h32}", message)', 'Fernet(b"{h32}")',
    "headers: {{ Authorization: `Bearer {h40}` }}", "set SECRET {a32}", "api token '{h40}' is invalid",
    "The provided API key ({a40}) is invalid", 'unknown token "{a32}"', "token {a32} has expired",
    "found secret {a32} in repo", "activation key {a40}", "recovery key: {a32}",
    "HTTPIE: http -a me:{a12} x.com", "smbclient //h/s -U me%{a12}",
]  # fmt: skip
"""Secrets that are known by the place where they stand."""

BENIGN = [
    "The quick brown fox jumps over the lazy dog.", "risk-management-department-of-the-bank",
    "task_live_abcdefghijklmnop", "max_tokens: 100, input_tokens=5", "unexpected token: }",
    "unexpected token < in JSON at position 0", "the bearer of good news", "http://localhost:8000/v1/chat?user=a@b.c",
    "https://example.com/@user", "chatcmpl-AbCdEf0123456789AbCdEf0123456789", "4bf92f3577b34da6a3ce929d0e0e4736",
    "550e8400-e29b-41d4-a716-446655440000", "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
    "msg_01XFDUDYJgAACzvnptvVoYEL", "toolu_01A09q90qw90lq917835lq9", "call_AbCdEfGhIjKlMnOpQrStUvWx",
    "run_abc123def456ghi789jkl012", "thread_abc123def456ghi789jkl012", "asst_abc123def456ghi789jkl012",
    "file-abc123def456ghi789jkl012", "ft:gpt-4o-mini-2024-07-18:acme::9AbCdEfG", "gpt-4o-mini-2024-07-18",
    "claude-sonnet-4-5-20250929", "us.anthropic.claude-3-7-sonnet-20250219-v1:0", "gemini-2.5-flash-preview-09-2025",
    "meta-llama/Llama-3.3-70B-Instruct-Turbo",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.amazon.nova-pro-v1:0",
    "arn:aws:iam::123456789012:role/service-role/MyRole",
    "projects/my-project/locations/us-central1/publishers/google/models/gemini-2.0-flash",
    "cache_key: abc, primary_key=3, key: value, monkey: x, keyboard=qwerty, author: 'me'",
    "input_tokens=5 output_token: 7 {'total_token': 12}",
    "auth: disabled, auth=none, pass: 12, fail: 3, PASS_THROUGH=yes", "api_key: None, password=null, {'token': true}",
    "missing ['api_key', 'model'], not ('password', 'email')",
    "ssh://git@github.com/x, http://db:5432/x, mongodb://reader@db/x", "Content-Type: application/json",
    "2026-01-01T12:30:00Z level=info took=12ms --verbose --max-tokens 100", "password is required",
    "password is incorrect", "the password was changed 3 days ago",
    "your password is too short: at least 12 characters", "token is expired", "the token was issued at 12:30",
    "secret is out", "api key is missing", "credentials are invalid", "token is base64-encoded",
    "password must have 8 characters", "password reset link sent to a@b.c", "password policy v2",
    "Password: must not be empty", "invalid token at line 3, column 12", "next token: 1024", "first token after 0.35 s",
    "tokens/s: 85.2", "docker run -p 8080:80 nginx", "ssh -p 2222 host", "mkdir -p /var/lib/app/data", "cp -p a b",
    "mysql -h db -P 3306 -u root -p shop", "ps -u root", "curl -u", "git clone git@github.com:acme/shop.git",
    "commit 135c103c7f3c9bd1a0e5a4a4a8ed3c6f1b2a4d5e",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    'etag: "33a64df551425fcc55e4d42a148795d9f25f89d4"', "md5=d41d8cd98f00b204e9800998ecf8427e",
    "build 20261201.4 on python-3.12.1-slim-bookworm", "pip install scikit-learn-intelex==2024.0.1",
    "pepperpy_obs-0.1.0-py3-none-any.whl", "node_modules/@scope/package-name/dist/index.js",
    "C:\\Users\\me\\AppData\\Local\\Programs\\Python\\Python312\\python.exe",
    "/usr/local/lib/python3.12/site-packages/pepperpy_obs/_call.py:120", 'File "/app/main.py", line 42, in handler',
    "Traceback (most recent call last):", "KeyError: 'password'",
    "ValueError: invalid literal for int() with base 10: 'abc'", "xai-staging-1", "xai-models-list", "sk-learn",
    "pk-42", "hf_hub_download", "gsk_models", "npm_config_registry", "key-value-store",
    "api-gateway-production-eu-west-1", "sdk-python-release-notes", "secret_santa_participants_list", "secretary: Jane",
    "passenger: 12A", "compass=north", "s.connect(timeout)", "s.replace('a', 'b')",
    "self.assertEqual(first.second, third)", "SKU12345678", "SK Telecom", "EAAA", "AROMATIC", "ASIAN market",
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4",
    "user_id=12345 session_id=abc-123", "trace_id=0af7651916cd43dd8448eb211c80319c",
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "x-request-id: req_011CSHoEeqs5C35K2UUqR7Fy", "cf-ray: 8f1234567890abcd-FRA",
    "https://example.com/a/b/c?page=2&sort=asc&key=name", "https://shop.example.com/items/42?ref=mail",
    "https://docs.python.org/3/library/re.html#re.sub", "s3://bucket/path/to/object.parquet",
    "gs://bucket/models/v1.0-final", "postgresql://db:5432/shop", "redis://cache:6379/0", "kafka://broker-1:9092",
    "10.0.0.1:8080:tcp:open:http", "main.c:10:5: error: expected ';'", "app.py:1234:20:warning: unused", "12:30:45.123",
    "ratio 3:2:1:1:5", "2001:db8::ff00:42:8329", "user@example.com", "me@10.0.0.1",
    "mailto:someone@example.com?subject=hello", "+49 170 1234567", "ISBN 978-3-16-148410-0", "4111 1111",
    "$12.50 for 1,200 tokens", "code is 42", "status code is 404", "error code: 1045", "exit code 137",
    "zip code: 90210", "pin the version to 1.2.3", "pinned: 4 items", "error code is 1045 (28000)",
    "The secret of success is hard work", "open secret", "Basic auth is disabled", "basic information1 about it",
    "Basic usage of the API", "bearer token expected", "Authorization header missing",
    "authorization failed for user me", "cookie banner shown", "cookies disabled",
    "credentials not found in environment", "token bucket refilled at 10/s", "auth method: oauth2",
    "OAuth 2.0 flow started", "grant_type=authorization_code", "scope=read:user", "response_type=code", "jwt expired",
    "csrf check passed", "session started", "login succeeded for alice", "user alice logged in from 10.1.2.3",
    "2 passed, 1 failed in 3.21s", "pass rate: 98 %", "first pass done, second pass running", "bypass cache",
    "passing by reference", "Passau, Germany", "key: value", "keys: 12", "keynote at 10:00", "keyword=agents",
    "Schlüssel: groß", "パスワードが必要です",
    "Пароль неверный", "密码错误", "emoji 🔑 only", "", " ", "a", "-", "=", "://", "'",
    "{}", "[]", "null", "true", "0", "1e10", "SELECT token, password FROM users WHERE id = 1",
    "INSERT INTO users (name, password) VALUES (?, ?)", "password = ?", "WHERE api_key = $1",
    "token: str | None = None", "def login(user: str, password: str) -> bool:", "password=os.environ['PASSWORD']",
    "api_key=settings.api_key", "token: ${TOKEN}", "password: {{ password }}", "password=***", "api_key=<your-api-key>",
    "Authorization: [redacted]", "password=[redacted]", "Bearer [redacted]", "sk-...", "sk-****",
    "AKIA****************", "config token bucket of 5", "set password to a new one", "configure set of tokens",
    '{"name": "model", "value": "gpt-4o"}', '{"key": "region", "value": "eu"}', '{"value": 3, "name": "max_tokens"}',
    "- name: LOG_LEVEL\n  value: debug", '<add key="Theme" value="dark"/>', '<entry key="color">red</entry>',
    "1 validation error for S\nmodel\n  bad [type=x, input_value='gpt', input_type=str]",
    "user identified by name", "auth failed for ('me', 'you')", "ENV PATH /usr/bin", "ENV MAX_TOKENS 100",
    'variable "region" {{ default = "eu" }}', "re_compile_all_patterns", "API-GATEWAY-PRODUCTION", "ak-47 rifles",
    "secret_name: db-credentials", "export API_KEY=$MY_KEY", "OPENAI_API_KEY=your-api-key-here",
    'api_key: "{{ vault_api_key }}"', '"pad_token": "[PAD]", "eos_token": "</s>", "stop_token": "<|endoftext|>"',
    "private_key_path=/etc/ssl/private/app.pem", "ssl_key=/etc/ssl/app.key", "password_file=/run/secrets/db_password",
    "--password-file /run/secrets/db", "--password-stdin", "Passwords: see the wiki", "otp=disabled",
    'password = getpass.getpass("Password: ")', "finish_reason='stop', token='Hello', logprob=-0.31",
    '{"token": " Paris", "bytes": [72]}', "while (token = lexer.next()) != null", "token := scanner.Next()",
    "let token = tokens.peek().unwrap();", "user.password = await bcrypt.hash(password, 10)",
    "password: z.string().min(8)", "password = models.CharField(max_length=128)", "imagePullSecrets: [{name: r}]",
    "Access denied for user 'root'@'localhost' (using password: YES)", "num_passwords=3", "password_attempts: 2",
    "Das Passwort ist falsch", "Le mot de passe est incorrect", "пароль неверный", "INSERT INTO t (a) VALUES ('b1')",
    "login from 10.0.0.1:5432", "AUTH required", "CACHE_KEY=user:42:profile", "00-not-a-key", "u+2 users",
    "OPENAI_API_KEY=...", "self.password = password", "this.apiKey = apiKey;", "api_key=api_key,",
    "password == other.password", 'password := r.FormValue("password")', "var token = tokens[0];",
    "password_encryption = scram", "Passwortrichtlinie: mindestens 12 Zeichen", "docker run -u me -p 8080:80/tcp nginx",
    "shop:v1.2-rc1@sha256:9f2c", "token 50256 is the end of text", "the key insight is simple",
    'pytest -k "token and not slow"', "credentials: include",
    "Private-Lines are 2", "access token expired yesterday", "api key rotation", "t1.small and t1.micro", "ico-file",
]  # fmt: skip
"""What must stay as it is. A reference to a variable or a star is no secret, but redacting it harms nobody much."""
