"""Short articles: a few dozen topics, each with sentences that can be put in several ways."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from .base import Item, choose, upper_first

USE = "articles"
OPTIONAL_SHARE = 0.6


@dataclass(frozen=True)
class Topic:
    """Names of a topic and the lines of its article, per language; `?` marks optional lines."""

    names: dict[str, list[str]]
    lines: dict[str, list[str]]


def load(path: Path) -> list[Topic]:
    """Read `= names | names`, English lines, `-`, Chinese lines."""
    topics: list[Topic] = []
    for block in path.read_text(encoding="utf-8").split("\n= ")[1:]:
        head, *lines = block.strip().splitlines()
        border = lines.index("-")
        english, chinese = ([name.strip() for name in names.split(";")] for names in head.split("|"))
        topics.append(Topic({"en": english, "zh": chinese}, {"en": lines[:border], "zh": lines[border + 1 :]}))
    return topics


TOPICS = load(Path(__file__).with_name("articles.txt"))

ASK = (
    "Write a short article about {}", "Write a short article about {}", "Write an article about {}", "Write about {}", "Write a paragraph about {}",
    "Write a short text about {}", "Tell me about {}", "Write a short essay about {}", "Write a popular science article about {}",
    "Give me a short article on {}", "Explain {}", "Write a blog post about {}", "Short article about {}", "Can you write a short article about {}?",
)
ASK_ZH = (
    "写一篇关于{}的科普文章", "写一篇关于{}的科普文章", "写一篇关于{}的短文", "写一篇关于{}的文章", "请写一篇关于{}的短文", "介绍一下{}", "写一段关于{}的文字",
    "以{}为题写一篇短文", "给我写一篇{}的文章", "跟我讲讲{}", "写一篇{}的科普短文", "帮我写一篇关于{}的文章", "谈谈{}",
)


def sample(rng: Random) -> Item:
    """A request for an article with the article."""
    topic = rng.choice(TOPICS)
    language = rng.choice(("en", "zh"))
    name = rng.choice(topic.names[language])
    ask = rng.choice(ASK_ZH if language == "zh" else ASK)
    text = _write(rng, topic.lines[language], "" if language == "zh" else " ")
    if rng.random() < 0.25:
        title = topic.names[language][0]
        text = f"# {title if language == 'zh' else upper_first(title)}\n\n{text}"
    subject = topic.names[language][0]
    end = "。$" if language == "zh" else r"\.$"
    return Item(USE, language, ask.format(name), text, f"{subject}/{ask}", match=(subject, end))


def _write(rng: Random, lines: list[str], gap: str) -> str:
    kept = [line.removeprefix("? ") for line in lines if not line.startswith("? ") or rng.random() < OPTIONAL_SHARE]
    sentences = [choose(rng, line) for line in kept]
    half = (len(sentences) + 1) // 2
    if rng.random() < 0.5:
        return gap.join(sentences)
    return gap.join(sentences[:half]) + "\n\n" + gap.join(sentences[half:])
