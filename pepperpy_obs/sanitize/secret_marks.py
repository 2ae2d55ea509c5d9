"""The marks that issuers put on their keys, as a table: to know another kind of key is to add a row.

A mark is literal text at the beginning of a word; the rest is a bounded pattern, so that a look at one word costs a
fixed amount of time at most. Rows with a rest of their own say how long these keys are, which keeps names and prose
out: an `xai-` key has 80 characters, a host may be called `xai-staging-1`. Lengths are minimums, as issuers lengthen.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["MARKED", "PRIVATE_KEY", "WEBHOOK"]

_WORD: Final = r"[\w-]"
_HEX: Final = "[0-9a-fA-F]"
_MOST: Final = 4096
"""The longest key that is looked for: certificates aside, none has more."""

_SHOPS: Final = (
    "rzp_live_ rzp_test_ FLWSECK- FLWSECK_TEST- shippo_live_ shippo_test_ EZAK EZTK duffel_live_ duffel_test_ "
    "live_pub_ test_pub_"
)
_ENCRYPTED: Final = r"(?<![\w-]eyJ)[\w-]{16,N}\.[\w-]{0,N}\.[\w-]{16,N}\.[\w-]{16,N}\.[\w-]{16,N}"

ISSUERS: Final[tuple[tuple[str, str, str], ...]] = (
    # Language models and what stands beside them.
    ("OpenAI, Anthropic, OpenRouter, DeepSeek, Langfuse and many others", "sk- pk- rk-", rf"{_WORD}{{16,N}}"),
    ("OpenAI sessions", "sess-", r"[A-Za-z0-9]{24,N}"),
    ("ElevenLabs", "sk_", rf"{_HEX}{{40,N}}"),
    ("xAI", "xai-", r"[A-Za-z0-9]{40,N}"),
    ("Perplexity", "pplx-", r"[A-Za-z0-9]{32,N}"),
    ("Tavily", "tvly-", rf"{_WORD}{{24,N}}"),
    ("NVIDIA", "nvapi-", rf"{_WORD}{{32,N}}"),
    ("Groq, Hugging Face, Replicate", "gsk_ hf_ r8_ api_org_", r"\w{24,N}"),
    ("LangSmith", "lsv2_pt_ lsv2_sk_ ls__", r"\w{24,N}"),
    ("Cerebras", "csk-", r"[a-z0-9]{32,N}"),
    ("Together, Fireworks, RunPod", "tgp_v1_ fw_ rpa_", rf"{_WORD}{{20,N}}"),
    ("Pinecone, Jina, Anyscale, E2B", "pcsk_ jina_ esecret_ e2b_", rf"{_WORD}{{24,N}}"),
    ("Voyage", "pa-", rf"{_WORD}{{40,N}}"),
    ("LlamaCloud, Firecrawl", "llx- fc-", r"[A-Za-z0-9]{32,N}"),
    ("Mem0, Friendli, Cartesia, Weights & Biases, Browserbase", "m0- flp_ sk_car_ wandb_v1_ bb_live_", r"\w{20,N}"),
    ("Modal", "ak- as-", r"(?=[A-Za-z]{0,22}[0-9])[A-Za-z0-9]{22}(?![\w-])"),
    ("Cursor", "key_", rf"{_HEX}{{64}}(?!\w)"),
    ("Helicone, PostHog, Langwatch", "sk-helicone- phx_ phc_ phs_ sk-lw-", rf"{_WORD}{{24,N}}"),
    # Clouds.
    ("AWS", "AKIA ASIA ABIA ACCA AROA", r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ("AWS Bedrock", "ABSK", r"[A-Za-z0-9+/]{60,N}={0,2}"),
    ("AWS Bedrock, short-lived", "bedrock-api-key-", r"[A-Za-z0-9+/=_-]{24,N}"),
    ("Google", "AIza", rf"{_WORD}{{30,N}}"),
    ("Google OAuth", "GOCSPX-", rf"{_WORD}{{20,N}}"),
    ("Google OAuth", r"ya29\. 1//0", r"[\w.-]{20,N}"),
    ("Google AI Studio", r"AQ\.", rf"{_WORD}{{30,N}}"),
    ("Alibaba, Tencent", "LTAI AKID", r"(?=[A-Za-z0-9]{0,32}[0-9])[A-Za-z0-9]{12,64}(?![A-Za-z0-9])"),
    ("DigitalOcean", "dop_v1_ doo_v1_ dor_v1_", rf"{_HEX}{{32,N}}"),
    ("Databricks", "dapi dose dkea", rf"{_HEX}{{32}}(?:-\d)?"),
    ("Heroku, Fly.io", r"HRKU- FlyV1\x20 fm2_ fm1r_ fo1_", r"[\w+/=,-]{20,N}"),
    ("Cloudflare", r"v1\.0-", rf"{_HEX}{{24}}-{_HEX}{{100,N}}"),
    ("Cloudflare", "cfut_ cfat_ cfk_", rf"{_WORD}{{32,N}}"),
    ("OpenShift", "sha256~", rf"{_WORD}{{40,N}}"),
    ("Netlify, Vercel, Render", "nfp_ vercel_blob_rw_ rnd_ vcp_ vck_", r"\w{20,N}"),
    ("Tailscale", "tskey-auth- tskey-api- tskey-client- tskey-", rf"{_WORD}{{16,N}}"),
    ("Yandex", "AQVN", r"[\w.=-]{30,N}"),
    ("Yandex", r"t1\.", r"[\w-]{20,N}={0,2}\.[\w-]{60,N}"),
    ("Scalingo", "tk-us- tk-eu-", rf"{_WORD}{{40,N}}"),
    ("Neon", "napi_", r"[a-z0-9]{40,N}"),
    ("ngrok", "", r"[12][A-Za-z0-9]{26}_[A-Za-z0-9]{21}(?!\w)"),
    ("ClickHouse", "4b1d", r"[A-Za-z0-9]{38}(?![A-Za-z0-9])"),
    ("Defined Networking", "dnkey-", r"[\w=-]{26,64}-[\w=-]{52,N}"),
    ("Adobe", "p8e-", r"[a-z0-9]{32}(?!\w)"),
    # Code, packages and their builds.
    ("GitHub", "ghp_ gho_ ghs_ ghu_ ghr_ github_pat_", r"\w{20,N}"),
    ("GitLab", "glpat- gldt- glrt- glrtr- glcbt- glptt- glft- glimt- glagent- glsoat- gloas- glffct- glwt-",
     r"[\w.-]{16,N}"),
    ("GitLab runners", "GR1348941", rf"{_WORD}{{20,N}}"),
    ("Atlassian", "ATATT3 ATCTT3 ATSTT3 ATBB", r"[\w=-]{24,N}"),
    ("Docker", "dckr_pat_ dckr_oat_", rf"{_WORD}{{20,N}}"),
    ("npm, RubyGems, PyPI, crates.io, NuGet, Clojars",
     "npm_ rubygems_ pypi-AgEI pypi- cio oy2 CLOJARS_", rf"{_WORD}{{32,N}}"),
    ("CircleCI, Buildkite, Travis", "CCIPAT_ CCIPRJ_ bkua_", r"\w{24,N}"),
    ("Pulumi, Prefect, Doppler", r"pul- pnu_ pnb_ dp\.pt\. dp\.st\. dp\.ct\. dp\.sa\. dp\.scim\.",
     r"[\w.-]{24,N}"),
    ("Vault", r"hvs\. hvb\. hvr\.", rf"{_WORD}{{20,N}}"),
    ("Vault, before 1.10", r"s\. b\.", r"(?=[A-Za-z]{0,24}[0-9])[A-Za-z0-9]{24}(?![A-Za-z0-9]|\.\w)"),
    ("Terraform", "", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,N}"),
    ("Sourcegraph, Artifactory, SonarQube", "sgp_ sgd_ AKCp sqp_ sqa_ squ_", r"\w{32,N}"),
    ("Artifactory", "cmVmdGtuO", r"[\w+/-]{40,N}={0,2}"),
    ("Snyk", r"snyk_uat\. snyk_sat\.", r"[\w.-]{24,N}"),
    ("Infisical", r"st\.", rf"{_HEX}{{24}}\.{_HEX}{{32}}\.{_HEX}{{32}}"),
    ("Azure DevOps", "", r"[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}(?!\w)"),
    ("Harness", r"pat\. sat\.", r"[\w-]{20,24}\.[A-Za-z0-9]{20,24}\.[A-Za-z0-9]{16,24}(?![A-Za-z0-9])"),
    ("Infracost", "ico-", r"[A-Za-z0-9]{32}(?![A-Za-z0-9])"),
    ("Octopus Deploy", "API-", r"[A-Z0-9]{26}(?![\w-])"),
    ("SettleMint, Polar", "sm_pat_ sm_aat_ sm_sat_ polar_oat_ polar_pat_", r"\w{16,N}"),
    ("age", "AGE-SECRET-KEY-1", r"[A-Z0-9]{40,N}"),
    ("1Password", "ops_eyJ A3-", r"(?=[\w-]{0,64}[0-9])[\w-]{26,N}"),
    # Observability.
    ("Grafana", "glsa_ glc_ eyJrIjoi", r"[\w+/=]{24,N}"),
    ("Sentry", "sntrys_ sntryu_", r"[\w+/=-]{32,N}"),
    ("New Relic", "NRAK- NRJS- NRII- NRAA- NRRA-", rf"{_WORD}{{18,N}}"),
    ("New Relic's licences", "", r"(?:[a-z]{2}\d\dxx)?[0-9a-f]{30,36}(?:FFFF)?NRAL(?!\w)"),
    ("Honeycomb", "hcaik_ hcbik_ hccik_ hcxik_ hcamk_ hcbmk_ hcalk_", r"[a-z0-9]{40,N}"),
    ("Statsig", "secret- console-", r"(?=[A-Za-z]{0,32}[0-9])[A-Za-z0-9]{32,N}"),
    ("PagerDuty", r"u\+", r"(?=[\w-]{0,17}[A-Z])(?=[\w-]{0,17}[0-9])[\w-]{18}(?![\w-])"),
    ("Okta", "00", r"(?=[\w-]{0,39}[A-Z])(?=[\w-]{0,39}[a-z])[\w-]{40}(?![\w-])"),
    ("Dynatrace", r"dt0c01\. dt0s01\.", r"[A-Z0-9]{24}\.[A-Z0-9]{40,N}"),
    ("Supabase, PlanetScale", "sbp_ sb_secret_ pscale_tkn_ pscale_pw_ pscale_oauth_", r"[\w.-]{20,N}"),
    # Messages.
    ("Slack", "xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs- xapp- xwfp- xoxe.xoxp- xoxe.xoxb-",
     r"[\w%.-]{10,N}"),
    ("Telegram", "", r"\d{8,10}:AA[\w-]{32,34}(?![\w-])"),
    ("Telegram, in an address", "bot", r"\d{8,10}:[\w-]{34,36}"),
    ("Discord", "", r"[MNO][A-Za-z0-9_-]{23,28}\.[\w-]{6}\.[\w-]{27,45}"),
    ("Twilio", "SK", r"[0-9a-f]{32}(?![\w-])"),
    ("SendGrid", r"SG\.", rf"{_WORD}{{16,64}}\.{_WORD}{{16,64}}"),
    ("Resend", "re_", r"[A-Za-z0-9]{8}_[A-Za-z0-9]{20,32}(?!\w)"),
    ("Brevo", "xkeysib- xsmtpsib-", rf"{_HEX}{{32,N}}(?:-\w{{1,64}})?"),
    ("Mailgun", "key- pubkey-", rf"{_HEX}{{32}}(?![\w-])"),
    ("Mailchimp", "", r"[0-9a-f]{32}-us\d{1,2}(?![\w-])"),
    ("Facebook, Instagram", "EAACEdEose0cBA EAA IGQV", r"[A-Za-z0-9]{60,N}"),
    ("Twitter", "AAAAAAAAAAAAAAAAAAAAA", r"[\w%]{30,N}"),
    # Money and shops.
    ("Stripe", "sk_live_ sk_test_ rk_live_ rk_test_ pk_live_ pk_test_ sk_org_", r"\w{10,N}"),
    ("Stripe, Svix", "whsec_", r"[A-Za-z0-9+/=]{16,N}"),
    ("Shopify", "shpat_ shpca_ shppa_ shpss_ shpua_ shpit_", rf"{_HEX}{{32,N}}"),
    ("Square", "EAAA", rf"{_WORD}{{50,N}}"),
    ("Square", "sq0atp- sq0csp- sq0idp-", rf"{_WORD}{{20,N}}"),
    ("Razorpay, Flutterwave, Shippo, EasyPost, Duffel, Lob", _SHOPS, rf"{_WORD}{{12,N}}"),
    ("Braintree", r"access_token\$", r"[\w$]{24,N}"),
    ("Adyen", "AQE", r"[a-z]hm[A-Za-z0-9+/]{60,N}={0,2}"),
    ("Lob", "live_ test_", rf"{_HEX}{{35}}(?!\w)"),
    ("GoCardless", "live_ sandbox_", r"(?=[A-Za-z_-]{0,40}[0-9])[\w-]{40}(?![\w-])"),
    ("Plaid", "access-sandbox- access-development- access-production-", rf"{_HEX}{{8}}-{_WORD}{{20,64}}"),
    # Work.
    ("Notion", "ntn_ secret_", r"[A-Za-z0-9]{40,N}"),
    ("Linear", "lin_api_ lin_oauth_ lin_wh_", r"\w{24,N}"),
    ("Figma", "figd_ figo_ figu_ figoh_ figdh_", rf"{_WORD}{{24,N}}"),
    ("Postman", "PMAK-", rf"{_HEX}{{24}}-{_HEX}{{24,64}}"),
    ("Postman", "PMAT-", r"[A-Z0-9]{24,N}"),
    ("Dropbox", r"sl\.u\. sl\.", rf"{_WORD}{{60,N}}"),
    ("Intercom", "dG9rO", r"[A-Za-z0-9+/]{40,N}={0,2}"),
    ("Onfido", r"api_live\. api_live_us\. api_live_ca\. api_sandbox\.", r"[\w.-]{24,N}"),
    ("Airtable", "pat", rf"[A-Za-z0-9]{{14}}\.{_HEX}{{40,N}}"),
    ("HubSpot", "pat-na1- pat-na2- pat-eu1- pat-ap1-", rf"{_HEX}{{8}}-{_WORD}{{20,64}}"),
    ("Asana", "", r"\d/\d{15,17}(?:/\d{15,17})?:[0-9a-f]{32}(?![\w-])"),
    ("Typeform, Contentful, ReadMe, Adafruit, Frame.io", "tfp_ CFPAT- rdme_ aio_ fio-u-", r"[\w.=-]{24,N}"),
    ("LaunchDarkly", "api- sdk- mob-", rf"{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}(?![\w-])"),
    ("Mapbox", r"sk\. tk\.", r"eyJ[\w-]{20,N}\.[\w-]{16,64}"),
    ("MaxMind", "", r"[A-Za-z0-9]{6}_[A-Za-z0-9]{29}_mmk(?!\w)"),
    ("42", "s-s4t2ud- s-s4t2af-", rf"{_HEX}{{64}}"),
    ("session cookies", "_gitlab_session= PHPSESSID= JSESSIONID= laravel_session= connect.sid= ASP.NET_SessionId=",
     r"[\w%.+/=-]{16,N}"),
    ("JSON web tokens in base64", "ZXlK", r"[A-Za-z0-9+/]{60,N}={0,2}"),
    ("JSON web tokens", "eyJ", r"(?<![\w-]eyJ)[\w-]{8,N}\.eyJ[\w-]{8,N}(?:\.[\w-]{0,N})?"),
    ("encrypted JSON web tokens", "eyJ", _ENCRYPTED),
    ("Azure client secrets", "", r"[A-Za-z0-9_~.]{3}\dQ~[A-Za-z0-9_~.-]{31,34}(?![\w~-]|\.\w)"),
    ("Azure", "", r"[A-Za-z0-9]{40,64}JQQJ99[A-Za-z0-9]{20,48}(?![A-Za-z0-9])"),
)  # fmt: skip
"""Issuer, the marks that its secrets begin with, and the rest; N stands for the longest."""


def _pattern() -> str:
    """Return one pattern of all rows; a mark may follow `_` or `-`, but never continue a word."""
    rows: list[str] = []
    for _, marks, rest in ISSUERS:
        bounded = rest.replace(",N}", f",{_MOST}}}")
        one_of = "|".join(mark if "\\" in mark else re.escape(mark) for mark in marks.split())
        rows.append(f"(?:{one_of}){bounded}" if marks else bounded)
    return "(?<![A-Za-z0-9])(?:" + "|".join(rows) + ")"


MARKED: Final = re.compile(_pattern())

PRIVATE_KEY: Final = (
    r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,4}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|-(?!----END ))*+"
    r"(?:-----END [A-Z0-9 ]{0,60}-----)?"
)
"""To the end of the text, if its own end was cut off."""

WEBHOOK: Final = re.compile(
    r"""((?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks|hooks\.zapier\.com/hooks"""
    r"""|[\w.-]{1,64}\.webhook\.office\.com/webhookb2|outlook\.office\.com/webhook|open\.feishu\.cn/open-apis/bot"""
    r"""|maker\.ifttt\.com/trigger/[\w-]{1,64}/with/key|events\.pagerduty\.com/integration|hook\.\w{2,8}\.make\.com"""
    r"""|chat\.googleapis\.com/v1/spaces/\w{1,64}/messages\?key=)/?)[^\s"'<>)\]}|,;]{16,512}"""
)
"""Addresses that are a key themselves: knowing them is enough to post."""
