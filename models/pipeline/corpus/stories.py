"""Stories by grammar: a hero, a place, a wish, a trouble, a helper and an ending."""

from __future__ import annotations

from random import Random

from .base import Item, choose, rows

USE = "stories"

HEROES = rows("""
little fox|Rusty|小狐狸|阿红
young rabbit|Clover|小兔子|白白
brave mouse|Pip|小老鼠|皮皮
old bear|Bruno|老熊|布鲁
small bird|Wren|小鸟|啾啾
curious cat|Milo|好奇的小猫|咪咪
kind dog|Sunny|善良的小狗|阳阳
little dragon|Ember|小龙|火火
shy turtle|Tilly|害羞的小乌龟|慢慢
young girl|Anna|小女孩|小雨
young boy|Leo|小男孩|小明
small robot|Bolt|小机器人|铁铁
fisherman|Peter|渔夫|老张
princess|Lily|公主|莉莉
baker|Rose|面包师|阿花
clever crow|Jet|聪明的乌鸦|小黑
gentle elephant|Tala|温柔的小象|象象
little whale|Finn|小鲸鱼|蓝蓝
young wizard|Alan|年轻的魔法师|阿伦
lonely star|Nova|孤单的小星星|亮亮
""")

PLACES = rows("""
in a quiet forest|安静的森林里
by the sea|大海边
in a small village|小村庄里
on a high mountain|高山上
near a wide river|宽阔的河边
in a busy city|热闹的城市里
on a tiny island|小岛上
in a green valley|绿色的山谷里
in a snowy land|白雪覆盖的地方
under the old bridge|古老的桥下
in a castle|城堡里
on a farm|农场里
""")

WISHES = rows("""
wanted to see the stars up close|想近距离看看星星|stars|星星
dreamed of finding a friend|梦想找到一个朋友|friend|朋友
wanted to learn how to sing|想学会唱歌|song|歌
wished to find the lost golden key|想找到丢失的金钥匙|golden key|金钥匙
wanted to bake the best cake|想做出最好吃的蛋糕|cake|蛋糕
hoped to cross the great desert|希望穿过大沙漠|desert|沙漠
wanted to grow a magic garden|想种出一座神奇的花园|garden|花园
dreamed of flying above the clouds|梦想飞到云朵上面|clouds|云朵
wanted to find the way home|想找到回家的路|way home|回家的路
wished to bring back the rain|想把雨水带回来|rain|雨水
wanted to read every book in the library|想读完图书馆里的每一本书|books|书
hoped to make the sad king laugh|希望让伤心的国王笑起来|king|国王
""")

TROUBLES = rows("""
a great storm came and the sky turned dark|来了一场大风暴，天空变得漆黑
the path was blocked by a fallen tree|小路被一棵倒下的大树挡住了
the night was cold and there was no light|夜晚很冷，一点光也没有
the river was too deep to cross|河水太深，过不去
nobody believed that it could be done|没有人相信这件事能办到
the map was lost in the wind|地图被风吹走了
a thick fog covered everything|浓浓的雾遮住了一切
the old gate was locked|古老的大门上了锁
""")

HELPERS = rows("""
a wise owl|一只聪明的猫头鹰
an old woman|一位老奶奶
a friendly frog|一只友好的青蛙
a tiny ant|一只小小的蚂蚁
a kind traveler|一位好心的旅人
a silver fish|一条银色的鱼
a singing wind|一阵会唱歌的风
a young deer|一只小鹿
""")

ADVICE = rows("""
"Go slowly and do not give up"|“慢慢走，不要放弃”
"Follow the brightest star"|“跟着最亮的那颗星星走”
"Two together are stronger than one"|“两个人在一起比一个人更有力量”
"Listen to your heart"|“听听你的心”
"Start with one small step"|“从一小步开始吧”
"The answer is closer than you think"|“答案比你想的更近”
""")

LESSONS = rows("""
that courage grows when we use it|勇气越用越大
that good friends make every road shorter|好朋友会让路变得更短
that patience opens every door|耐心能打开每一扇门
that small steps lead to big dreams|小小的脚步也能走到大大的梦想
that kindness always comes back|善良总会得到回报
that home is where we are loved|有爱的地方就是家
""")


def sample(rng: Random) -> Item:
    """A request for a story, or the opening of one, with the story."""
    language = rng.choice(("en", "zh"))
    hero = rng.choice(HEROES)
    place, place_zh = rng.choice(PLACES)
    if language == "zh":
        return _chinese(rng, hero[2], hero[3], place_zh)
    return _english(rng, hero[0], hero[1], place)


def _english(rng: Random, hero: str, name: str, place: str) -> Item:
    article = "an" if hero[0] in "aeiou" else "a"
    wish, _, thing, _ = rng.choice(WISHES)
    trouble, helper, advice, lesson = (rng.choice(table)[0] for table in (TROUBLES, HELPERS, ADVICE, LESSONS))
    tale = choose(
        rng,
        f"there was {article} {hero} named {name} who lived {place}. [Every day|Every night|More than anything], {name} {wish}. "
        f"[One morning|One evening|One day], {name} [set out|left home|began the journey] [with a small bag and a big hope|with nothing but hope|before the sun was up]. "
        f"But [soon|on the way] {trouble}. {name} [sat down and wanted to cry|felt very small|did not know what to do]. "
        f"[Just then|At that moment], {helper} came by. {advice}, said the [stranger|new friend]. "
        f"{name} [nodded and tried again|took a deep breath and stood up|smiled and went on]. "
        f"[After a long time|Little by little|Step by step], the [trouble passed|way became clear], and at last the dream of the {thing} came true. "
        f"[From that day on|After that day], {name} knew {lesson}. [The end.|And they all lived happily ever after.|It was a story that was told for many years.]",
    )
    opening = choose(rng, "[Once upon a time|Once upon a time|Once upon a time|Long ago|Many years ago]")
    style = rng.random()
    if style < 0.25:
        return Item(USE, "en", opening, f", {tale}", f"{hero}/{place}", match=(r"\.$",))
    request = choose(
        rng,
        f"[Tell me a story about {article} {hero}|Write a story about {article} {hero}|Write a short story about {article} {hero}|Tell me a short story about {article} {hero} {place}|Write a story about {article} {hero} {place}|Tell a bedtime story about {article} {hero}]"
        if style < 0.75
        else "[Tell me a story|Write a short story|Tell me a bedtime story|Tell a short story|Write me a story|Can you tell me a story?]",
    )
    if style >= 0.75:
        return Item(USE, "en", request, f"{opening}, {tale}", f"{hero}/{place}", match=(r"\.$",))
    where = (place.split()[-1],) if place in request else ()
    return Item(USE, "en", request, f"{opening}, {tale}", f"{hero}/{place}", match=(f"{hero} named {name}", *where))


def _chinese(rng: Random, hero: str, name: str, place: str) -> Item:
    _, wish, _, thing = rng.choice(WISHES)
    trouble, helper, advice, lesson = (rng.choice(table)[1] for table in (TROUBLES, HELPERS, ADVICE, LESSONS))
    tale = choose(
        rng,
        f"，{place}住着一[位|个]{hero}，名叫{name}。{name}[每天都|一直|心里总]{wish}。"
        f"[一天早上|有一天|一天傍晚]，{name}[带着小小的背包和大大的希望出发了|怀着希望离开了家|在太阳升起之前出发了]。"
        f"可是[没过多久|走着走着]，{trouble}。{name}[坐下来，差点哭了|觉得自己很渺小|不知道该怎么办]。"
        f"[就在这时|正在这时候]，{helper}来了，说：{advice}。"
        f"{name}[点点头，又试了一次|深吸一口气，站了起来|笑了笑，继续向前走]。"
        f"[过了很久|一点一点地|一步一步地]，[困难过去了|路变得清楚了]，关于{thing}的梦想终于实现了。"
        f"[从那天起|从此以后]，{name}明白了：{lesson}。[故事讲完了。|大家从此过上了快乐的生活。|这个故事流传了很多年。]",
    )
    opening = rng.choice(("从前", "从前", "从前", "很久很久以前", "很久以前"))
    style = rng.random()
    if style < 0.25:
        return Item(USE, "zh", opening, tale, f"{hero}/{place}", match=("。$",))
    request = choose(
        rng,
        f"[给我讲一个{hero}的故事|写一个关于{hero}的故事|讲一个关于{hero}的故事|写一篇关于{hero}的短故事|写一个{place}的{hero}的故事|讲一个关于{hero}的睡前故事]"
        if style < 0.75
        else "[给我讲个故事|讲一个故事|写一个短故事|讲个睡前故事|写一个小故事]",
    )
    if style >= 0.75:
        return Item(USE, "zh", request, f"{opening}{tale}", f"{hero}/{place}", match=("。$",))
    where = (place,) if place in request else ()
    return Item(USE, "zh", request, f"{opening}{tale}", f"{hero}/{place}", match=(f"{hero}，名叫{name}", *where))
