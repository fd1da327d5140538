"""Recommendations by kind and topic."""

from __future__ import annotations

from random import Random

from .base import Item, choose, rows

USE = "recommendations"

TOPICS = rows("""
the sea|大海|sea
space|太空|space
history|历史|history
love|爱情|love
friendship|友谊|friendship
animals|动物|animals
nature|大自然|nature
science|科学|science
war|战争|war
adventure|冒险|adventure
magic|魔法|magic
music|音乐|music
food|美食|food
family|家庭|family
travel|旅行|travel
robots|机器人|robots
""")

# topic | book, author, why | Chinese book, author, why | film, why | Chinese film, why
WORKS = rows("""
the sea|Moby-Dick|Herman Melville|it follows a captain and a great white whale across the ocean|《老人与海》|海明威|它讲述了一位老渔夫与大鱼搏斗的故事|Finding Nemo|it follows a small fish through the wide ocean|《海底总动员》|它讲述了小鱼在大海里的冒险
space|The Martian|Andy Weir|it tells how one man survives on Mars|《三体》|刘慈欣|它讲述了人类与外星文明的相遇|Interstellar|it is a journey through space and time|《流浪地球》|它讲述了人类带着地球寻找新家的故事
history|A Little History of the World|E. H. Gombrich|it tells the story of mankind in clear words|《万历十五年》|黄仁宇|它从平凡的一年看懂一个王朝|Lincoln|it shows how a president fought for freedom|《末代皇帝》|它讲述了最后一位皇帝的一生
love|Pride and Prejudice|Jane Austen|it is a witty story of two proud hearts|《傲慢与偏见》|简·奥斯汀|它用幽默的笔调写出了真挚的爱情|Casablanca|it is a classic story of love and duty|《泰坦尼克号》|它讲述了大船上的动人爱情
friendship|Charlotte's Web|E. B. White|it tells how a spider saves her friend the pig|《小王子》|圣埃克苏佩里|它用温柔的故事讲述了友谊和责任|Toy Story|it is a warm tale of two rival toys that become friends|《玩具总动员》|它讲述了两个玩具从对手变成朋友的故事
animals|Black Beauty|Anna Sewell|it is told by a horse in its own words|《狼图腾》|姜戎|它讲述了草原上的狼和人|Babe|it is about a pig that learns to herd sheep|《熊猫》|它展现了动物有趣的生活
nature|Walden|Henry David Thoreau|it describes a simple life beside a pond|《瓦尔登湖》|梭罗|它描写了湖边简单的生活|March of the Penguins|it shows the long walk of the penguins on the ice|《帝企鹅日记》|它记录了企鹅在冰上的旅程
science|A Brief History of Time|Stephen Hawking|it explains the universe in plain words|《时间简史》|霍金|它用通俗的语言解释宇宙|Hidden Figures|it is about the women who computed the way to space|《美丽心灵》|它讲述了一位数学家的一生
war|All Quiet on the Western Front|Erich Maria Remarque|it shows what war does to young soldiers|《三国演义》|罗贯中|它描写了群雄争霸的时代|Dunkirk|it shows a great rescue across the water|《集结号》|它讲述了士兵的忠诚与牺牲
adventure|Treasure Island|Robert Louis Stevenson|it is a thrilling hunt for buried gold|《西游记》|吴承恩|它讲述了师徒四人一路的冒险|Raiders of the Lost Ark|it is a wild race for an ancient treasure|《少年派的奇幻漂流》|它讲述了少年和老虎在海上的冒险
magic|Harry Potter and the Philosopher's Stone|J. K. Rowling|it opens the door to a school of magic|《哈利·波特与魔法石》|罗琳|它打开了魔法学校的大门|Spirited Away|it leads a girl into a world of spirits|《千与千寻》|它带着女孩走进了神奇的世界
music|High Fidelity|Nick Hornby|it is a funny story about records and love|《约翰·克利斯朵夫》|罗曼·罗兰|它写了一位音乐家的成长|The Sound of Music|it is full of songs and mountains|《放牛班的春天》|它讲述了音乐如何改变孩子们
food|Like Water for Chocolate|Laura Esquivel|it mixes recipes with a love story|《雅舍谈吃》|梁实秋|它用轻松的文字谈论美食|Ratatouille|it is about a rat that becomes a great cook|《饮食男女》|它用一桌桌饭菜讲述家人的故事
family|Little Women|Louisa May Alcott|it follows four sisters as they grow up|《平凡的世界》|路遥|它写出了普通家庭的奋斗|Coco|it is a colorful tale about family and memory|《寻梦环游记》|它讲述了家人和记忆的故事
travel|Around the World in Eighty Days|Jules Verne|it is a fast and funny race around the globe|《撒哈拉的故事》|三毛|它记录了沙漠里的生活和旅行|Into the Wild|it follows a young man far from home|《转山》|它讲述了骑车去西藏的旅程
robots|I, Robot|Isaac Asimov|it asks how robots and people can live together|《我，机器人》|阿西莫夫|它思考机器人怎样与人相处|WALL-E|it is about a lonely robot that finds a friend|《机器人总动员》|它讲述了孤独的机器人找到朋友的故事
""")

# topic or mood | suggestion, why | Chinese topic | Chinese suggestion, why
OTHERS = rows("""
dish|winter;a cold day|tomato soup with bread|it is warm and easy to make|菜|冬天;冷天|羊肉汤|它又暖和又有营养
dish|summer;a hot day|a cold noodle salad|it is fresh and light|菜|夏天;热天|凉拌黄瓜|它清爽又简单
dish|breakfast;the morning|oatmeal with fruit|it is quick and healthy|菜|早餐;早上|小米粥配鸡蛋|它简单又健康
dish|dinner;the evening|rice with vegetables and chicken|it is simple and filling|菜|晚餐;晚上|番茄炒蛋|它好做又下饭
dish|beginners;someone who cannot cook|fried rice with egg|it needs only one pan|菜|新手;不会做饭的人|蛋炒饭|它只需要一口锅
dish|children;kids|pancakes with bananas|they are soft and sweet|菜|孩子;小朋友|香蕉煎饼|它又软又甜
song|relaxing;rest|Clair de Lune by Debussy|it is soft and calm|音乐|放松;休息|《月光》|它柔和又安静
song|running;sport|Eye of the Tiger|it has a strong and steady beat|音乐|跑步;运动|《奔跑》|它节奏有力
song|studying;work|the Goldberg Variations by Bach|they are clear and even|音乐|学习;工作|《哥德堡变奏曲》|它清晰又平稳
song|sleep;the night|the Nocturnes by Chopin|they are gentle and slow|音乐|睡觉;夜晚|肖邦的夜曲|它温柔又缓慢
game|two players;couples|chess|it is easy to learn and deep|游戏|两个人;情侣|象棋|它容易上手又有深度
game|families;parties|Pictionary|everyone can draw and laugh|游戏|全家;聚会|你画我猜|大家都能参与
game|children;kids|hide and seek|it needs nothing but space|游戏|孩子;小朋友|捉迷藏|它只需要一点空间
game|one player;a quiet evening|a crossword puzzle|it keeps the mind busy|游戏|一个人;安静的晚上|数独|它能锻炼思维
hobby|relaxing;rest|gardening|it is quiet and close to nature|爱好|放松;休息|种花|它安静又亲近自然
hobby|beginners;everyone|drawing|you only need paper and a pencil|爱好|新手;每个人|画画|它只需要纸和笔
hobby|health;exercise|swimming|it moves the whole body|爱好|健康;锻炼|游泳|它能活动全身
hobby|winter;cold days|knitting|it is warm and useful|爱好|冬天;冷天|织毛衣|它温暖又实用
place|a summer holiday;summer|the coast of Portugal|it has sun, beaches and good food|地方|暑假;夏天|青岛|那里有海滩和好吃的海鲜
place|a winter holiday;winter|the Alps in Switzerland|they are perfect for snow and skiing|地方|寒假;冬天|哈尔滨|那里有冰雪和冰灯
place|history lovers;history|Rome|it is full of ancient buildings|地方|喜欢历史的人;看历史|西安|那里有城墙和兵马俑
place|families;children|Copenhagen|it has parks and a famous old amusement park|地方|家庭;孩子|珠海|那里有公园和海洋馆
place|nature lovers;hiking|New Zealand|it has mountains, lakes and quiet paths|地方|喜欢自然的人;徒步|张家界|那里有奇特的山峰和小路
drink|a cold day;winter|hot chocolate|it is sweet and warm|饮料|冷天;冬天|红枣茶|它又甜又暖
drink|a hot day;summer|lemonade|it is cool and fresh|饮料|热天;夏天|酸梅汤|它又凉又解渴
drink|the morning;breakfast|green tea|it wakes you up gently|饮料|早上;早餐|绿茶|它能温和地提神
gift|my mother;mom|a scarf|it is soft and useful every winter|礼物|妈妈;母亲|围巾|它柔软又实用
gift|my father;dad|a good pen|it lasts for years|礼物|爸爸;父亲|钢笔|它可以用很多年
gift|a friend;my best friend|a board game|you can play it together|礼物|朋友;好朋友|桌游|你们可以一起玩
gift|a child;kids|a box of building blocks|it trains hands and imagination|礼物|孩子;小朋友|积木|它能锻炼动手能力和想象力
gift|my teacher;a teacher|a potted plant|it brings some green to the desk|礼物|老师|盆栽|它能给书桌带来绿意
""")


def sample(rng: Random) -> Item:
    """A request for a recommendation with one."""
    language = rng.choice(("en", "zh"))
    if rng.random() < 0.4:
        return _other(rng, language)
    topic = rng.choice(TOPICS)
    work = next(row for row in WORKS if row[0] == topic[0])
    film = rng.random() < 0.45
    if language == "zh":
        name = topic[1]
        if film:
            title, why = work[9], work[10]
            ask = "[推荐一部关于{0}的电影|有什么关于{0}的电影推荐吗？|给我推荐一部{0}题材的电影|我想看一部关于{0}的电影|有没有关于{0}的好电影？]"
            answer = f"推荐你看{title}，{why}。"
        else:
            title, author, why = work[4:7]
            ask = "[推荐一本关于{0}的书|有什么关于{0}的书推荐吗？|给我推荐一本{0}题材的书|我想读一本关于{0}的书|有没有关于{0}的好书？]"
            answer = f"推荐你读{author}的{title}，{why}。"
    else:
        name = topic[0]
        if film:
            title, why = work[7:9]
            ask = "[Recommend a [movie|film] about {0}|Suggest a [movie|film] about {0}|Can you recommend a [movie|film] about {0}?|I want to watch a [movie|film] about {0}|What is a good [movie|film] about {0}?]"
            answer = f"I recommend {title}: {why}."
        else:
            title, author, why = work[1:4]
            ask = "[Recommend a book about {0}|Suggest a book about {0}|Can you recommend a book about {0}?|I want to read a book about {0}|What is a good book about {0}?|Recommend me a novel about {0}|Book about {0}]"
            answer = f"I recommend {title} by {author}: {why}."
    prompt = choose(rng, ask).format(name)
    return Item(USE, language, prompt, answer, prompt, match=(title.replace(".", r"\."),))


def _other(rng: Random, language: str) -> Item:
    kind, topics, thing, why, kind_zh, topics_zh, thing_zh, why_zh = rng.choice(OTHERS)
    if language == "zh":
        topic = rng.choice(topics_zh.split(";"))
        measure = {"菜": "一道", "音乐": "一首", "游戏": "一个", "爱好": "一个", "地方": "一个", "饮料": "一种", "礼物": "一个"}[kind_zh]
        prompt = choose(rng, f"[推荐{measure}适合{topic}的{kind_zh}|有什么适合{topic}的{kind_zh}？|给我推荐{measure}适合{topic}的{kind_zh}]")
        return Item(USE, language, prompt, f"推荐{thing_zh}，{why_zh}。", prompt, match=(thing_zh,))
    topic = rng.choice(topics.split(";"))
    prompt = choose(rng, f"[Recommend a {kind} for {topic}|Suggest a {kind} for {topic}|What is a good {kind} for {topic}?|Can you recommend a {kind} for {topic}?]")
    return Item(USE, language, prompt, f"I recommend {thing}: {why}.", prompt, match=(thing,))
