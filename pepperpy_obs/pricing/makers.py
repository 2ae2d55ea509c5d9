"""The maker of a model, and whether two names are of one model. Names only; no price is known here."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ["SELLERS", "is_same_model", "maker_of"]

_FAMILIES: Final = {
    "openai": r"gpt-|chatgpt-|o[134](?![\w.])|text-embedding-(?:3|ada)|whisper-|tts-1|dall-e|davinci|babbage|codex-"
    r"|computer-use-|omni-moderation|text-davinci|sora-",
    "anthropic": r"claude",
    "google": r"gemini|gemma|learnlm|imagen-|veo-|text-embedding-00|palm-|(?:text|chat|code)-bison",
    "mistral": r"mistral|mixtral|magistral|codestral|ministral|devstral|pixtral|voxtral|open-mi[sx]tral",
    "cohere": r"command(?:-|$)|embed-(?:english|multilingual|v\d)|rerank-|c4ai-|aya-",
    "x-ai": r"grok",
    "deepseek": r"deepseek",
    "moonshotai": r"kimi|moonshot-",
    "perplexity": r"sonar",
    "voyageai": r"voyage-|rerank-2",
    "zai": r"glm-|chatglm",
    "meta": r"llama|meta-llama|codellama",
    "alibaba": r"qwen|qwq|qvq|wan\d",
    "minimax": r"minimax|abab\d",
    "amazon": r"nova-|titan-|amazon-",
    "microsoft": r"phi-\d|mai-",
    "ai21": r"jamba|j2-",
    "nvidia": r"nemotron",
    "writer": r"palmyra",
    "ibm": r"granite",
    "bytedance": r"doubao|seed-\d",
    "tencent": r"hunyuan",
    "baidu": r"ernie",
    "xiaomi": r"mimo-",
    "stepfun": r"step-\d",
    "reka": r"reka-",
    "databricks": r"dbrx",
}
_FAMILY: Final = tuple((maker, re.compile(rf"(?:^|[/.:])(?:{names})")) for maker, names in _FAMILIES.items())
SELLERS: Final = frozenset({
    "openai", "anthropic", "google", "mistral", "cohere", "x-ai", "deepseek", "moonshotai", "perplexity", "voyageai",
    "zai",
})  # fmt: skip
"""Makers that sell their own models and, but for Google, no other maker's."""
_REMEMBERED: Final = 1024
_LONGEST: Final = 300

_DATES: Final = re.compile(
    r"[-@_:](?:20\d\d-?\d\d-?\d\d|\d\d-20\d\d|\d{3,4}|v\d+(?::\d+\w*)?|latest|default|preview|exp|\d{2,3}k)(?![^-@_:])"
)
"""Dates, versions and windows of snapshots."""
_CLOUDS: Final = re.compile(r"^(?:(?:us|eu|apac|jp|au|ca|sa|us-gov|global)\.)?(?:[a-z0-9]+\.)(?=[a-z])")
_ROUTE: Final = re.compile(r":(?!free$)[a-z][\w-]*$")
_WORDS: Final = re.compile(r"[^-_:@\s]+")
_OTHER_MODEL: Final = frozenset({
    "audio", "chat", "code", "coder", "codex", "deep", "embed", "embedding", "fast", "flash", "free", "haiku", "high",
    "image", "instruct", "large", "lite", "live", "low", "max", "medium", "micro", "mini", "multi", "nano", "omni",
    "online", "opus", "oss", "plus", "premier", "pro", "realtime", "reasoner", "reasoning", "research", "search",
    "small", "sonnet", "speech", "thinking", "tiny", "transcribe", "translate", "tts", "turbo", "ultra", "vision", "vl",
    "xhigh",
})  # fmt: skip
"""Words that make another model of a name; those of deployments and snapshots do not."""
_CLOSED: Final = frozenset({"openai", "anthropic", "x-ai", "perplexity"})
_PACKAGING: Final = frozenset({"instruct", "versatile", "it", "hf", "fp8", "bf16", "awq", "maas", "chat"})
"""Words by which hosts of open models differ in their names for the same one."""
_ALIASES: Final = frozenset({"deepseek-chat", "deepseek-reasoner"})
"""Names that a maker points to another model from time to time, as it does with all that end with "latest"."""


@lru_cache(_REMEMBERED)
def maker_of(model: str) -> str | None:
    """Return the maker of a model, wherever the model is served; None for a deployment's name.

    >>> maker_of("us.anthropic.claude-sonnet-4-5"), maker_of("meta-llama/llama-3.3-70b"), maker_of("our-chat")
    ('anthropic', 'meta', None)
    """
    name = model[:_LONGEST].lower()
    return next((maker for maker, family in _FAMILY if family.search(name)), None)


def is_same_model(answered: str, asked: str) -> bool:
    """Tell whether the model asked for may be the one that answered: its alias, its deployment, or a snapshot of it.

    >>> is_same_model("gpt-4o-2024-08-06", "gpt-4o"), is_same_model("gpt-4o-mini", "gpt-4o")
    (True, False)
    """
    maker, query = maker_of(answered), maker_of(asked)
    if maker is None or query is None:
        return True  # a deployment may run anything
    if maker != query:
        return False
    name = _core(asked)
    if name in _ALIASES or asked.lower().endswith("latest"):
        return True
    one, other = set(_WORDS.findall(_core(answered))), set(_WORDS.findall(name))
    if maker not in _CLOSED:
        one, other = one - _PACKAGING, other - _PACKAGING
    if not (one <= other or other <= one):
        return False
    return not any(word in _OTHER_MODEL or word[0].isdigit() for word in one ^ other)


def _core(model: str) -> str:
    """Return a model's name without what stands around it, and without dates."""
    name = model[:_LONGEST].lower().rpartition("/")[2]
    return _DATES.sub("", _ROUTE.sub("", _CLOUDS.sub("", name)))
