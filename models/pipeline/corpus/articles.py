"""Short articles: a few dozen topics, each with sentences that can be put in several ways."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from .base import Item, choose, rows, upper_first

USE = "articles"
OPTIONAL_SHARE = 0.6
UNKNOWN_SHARE = 0.15

UNKNOWN_TOPICS = rows("""
quantum physics|量子物理
the French Revolution|法国大革命
blockchain|区块链
nuclear energy|核能
the stock market|股票市场
ancient Egypt|古埃及
the human brain|人脑
dinosaurs|恐龙
chemistry|化学
mathematics|数学
philosophy|哲学
democracy|民主
football|足球
chess|国际象棋
vaccines|疫苗
black holes|黑洞
evolution|进化论
genetics|遗传学
the Roman Empire|罗马帝国
the Olympic Games|奥运会
photography|摄影
architecture|建筑
painting|绘画
fashion|时尚
the economy|经济
money|金钱
banks|银行
airplanes|飞机
trains|火车
bicycles|自行车
cars|汽车
ships|轮船
elephants|大象
lions|狮子
tigers|老虎
whales|鲸鱼
penguins|企鹅
horses|马
butterflies|蝴蝶
snakes|蛇
spiders|蜘蛛
roses|玫瑰
bamboo|竹子
rice|水稻
chocolate|巧克力
cheese|奶酪
wine|葡萄酒
bread|面包
sugar|糖
salt|盐
gold|黄金
iron|铁
oil|石油
plastic|塑料
glass|玻璃
paper|纸
clocks|钟表
telephones|电话
television|电视
radio|广播
cinema|电影
theater|戏剧
poetry|诗歌
opera|歌剧
dance|舞蹈
happiness|幸福
love|爱情
dreams|梦
memory|记忆
fear|恐惧
courage|勇气
peace|和平
law|法律
medicine|医学
cancer|癌症
the heart|心脏
teeth|牙齿
earthquakes|地震
deserts|沙漠
mountains|山脉
rivers|河流
islands|岛屿
winter|冬天
summer|夏天
Mars|火星
Jupiter|木星
comets|彗星
gravity|引力
light|光
sound|声音
Shanghai|上海
Paris|巴黎
London|伦敦
Tokyo|东京
New York|纽约
Africa|非洲
Antarctica|南极洲
Einstein|爱因斯坦
Shakespeare|莎士比亚
Confucius|孔子
Mozart|莫扎特
Napoleon|拿破仑
Leonardo da Vinci|达·芬奇
programming|编程
databases|数据库
video games|电子游戏
social media|社交媒体
smartphones|智能手机
batteries|电池
solar power|太阳能
recycling|垃圾回收
tourism|旅游
Christmas|圣诞节
the Spring Festival|春节
tai chi|太极拳
calligraphy|书法
""")


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
    """A request for an article with the article, or with the admission that it is beyond the model."""
    if rng.random() < UNKNOWN_SHARE:
        return _unknown(rng, rng.choice(("en", "zh")))
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


def _unknown(rng: Random, language: str) -> Item:
    topic, topic_zh = rng.choice(UNKNOWN_TOPICS)
    if language == "zh":
        prompt = rng.choice(ASK_ZH).format(topic_zh)
        answer = f"抱歉，我对{topic_zh}了解不多，写不出一篇好文章。你可以让我写人工智能、海洋、太阳或者音乐。"
        return Item(USE, language, prompt, answer, f"unknown/{topic_zh}", match=(f"我对{topic_zh}了解不多",))
    prompt = rng.choice(ASK).format(topic)
    answer = f"I am sorry, I do not know enough about {topic} to write a good article. You could ask me about artificial intelligence, the sea, the sun or music."
    return Item(USE, language, prompt, answer, f"unknown/{topic}", match=(f"enough about {topic} to",))


def _write(rng: Random, lines: list[str], gap: str) -> str:
    kept = [line.removeprefix("? ") for line in lines if not line.startswith("? ") or rng.random() < OPTIONAL_SHARE]
    sentences = [choose(rng, line) for line in kept]
    half = (len(sentences) + 1) // 2
    if rng.random() < 0.5:
        return gap.join(sentences)
    return gap.join(sentences[:half]) + "\n\n" + gap.join(sentences[half:])
