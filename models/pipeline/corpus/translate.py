"""Translation of everyday sentences both ways: fixed phrases and patterns with slots."""

from __future__ import annotations

import re
from random import Random

from .base import Item, choose, rows

USE = "translation"

SLOTS = {
    "food": rows("""
rice|米饭
bread|面包
noodles|面条
soup|汤
fish|鱼
chicken|鸡肉
beef|牛肉
fruit|水果
apples|苹果
bananas|香蕉
eggs|鸡蛋
cake|蛋糕
dumplings|饺子
vegetables|蔬菜
ice cream|冰淇淋
chocolate|巧克力
"""),
    "drink": rows("""
water|水
tea|茶
coffee|咖啡
milk|牛奶
juice|果汁
beer|啤酒
"""),
    "person": rows("""
my mother|我妈妈
my father|我爸爸
my friend|我的朋友
my brother|我哥哥
my sister|我姐姐
my teacher|我的老师
my wife|我妻子
my husband|我丈夫
my son|我儿子
my daughter|我女儿
my boss|我的老板
my neighbor|我的邻居
"""),
    "place": rows("""
the station|车站
the airport|机场
the hospital|医院
the school|学校
the bank|银行
the library|图书馆
the park|公园
the hotel|酒店
the museum|博物馆
the supermarket|超市
the post office|邮局
the restaurant|餐厅
the beach|海滩
the office|办公室
"""),
    "thing": rows("""
book|书
phone|手机
bag|包
key|钥匙
car|车
umbrella|雨伞
ticket|票
computer|电脑
watch|手表
camera|相机
pen|笔
coat|外套
"""),
    "time": rows("""
today|今天
tomorrow|明天
tonight|今晚
next week|下周
on Monday|星期一
on Friday|星期五
on Sunday|星期天
this afternoon|今天下午
tomorrow morning|明天早上
"""),
    "adjective": rows("""
beautiful|漂亮
expensive|贵
cheap|便宜
new|新
old|旧
big|大
small|小
good|好
"""),
    "feeling": rows("""
happy|高兴
tired|累
hungry|饿
thirsty|渴
sad|难过
busy|忙
cold|冷
hot|热
excited|兴奋
nervous|紧张
angry|生气
"""),
    "activity": rows("""
swim|游泳
sing|唱歌
dance|跳舞
cook|做饭
drive|开车
read|看书
run|跑步
draw|画画
play chess|下棋
play the piano|弹钢琴
travel|旅行
learn Chinese|学中文
go shopping|购物
watch a movie|看电影
play football|踢足球
"""),
    "job": rows("""
doctor|医生
teacher|老师
student|学生
nurse|护士
driver|司机
writer|作家
cook|厨师
lawyer|律师
singer|歌手
farmer|农民
"""),
    "city": rows("""
Beijing|北京
Shanghai|上海
London|伦敦
Paris|巴黎
Tokyo|东京
New York|纽约
Berlin|柏林
Rome|罗马
"""),
    "number": rows("""
two|两
three|三
four|四
five|五
six|六
ten|十
"""),
    "animal": rows("""
cat|猫
dog|狗
bird|鸟
rabbit|兔子
horse|马
fish|鱼
"""),
    "weather": rows("""
sunny|晴天
cloudy|阴天
rainy|雨天
windy|刮风天
snowy|下雪天
"""),
    "color": rows("""
red|红色
blue|蓝色
green|绿色
white|白色
black|黑色
yellow|黄色
"""),
}

PATTERNS = rows("""
I like {food}.|我喜欢吃{food}。
I like {drink}.|我喜欢喝{drink}。
I do not like {food}.|我不喜欢吃{food}。
Do you like {food}?|你喜欢吃{food}吗？
I want to eat {food}.|我想吃{food}。
I want to drink {drink}.|我想喝{drink}。
I would like some {drink}, please.|请给我一些{drink}。
I would like some {food}, please.|请给我一些{food}。
Would you like some {drink}?|你想喝点{drink}吗？
We had {food} for dinner.|我们晚饭吃了{food}。
I eat {food} every day.|我每天吃{food}。
I drink {drink} every morning.|我每天早上喝{drink}。
{person} likes {food}.|{person}喜欢吃{food}。
{person} likes to {activity}.|{person}喜欢{activity}。
{person} is a {job}.|{person}是{job}。
{person} is very {feeling}.|{person}很{feeling}。
{person} is at {place}.|{person}在{place}。
{person} lives in {city}.|{person}住在{city}。
{person} will come {time}.|{person}{time}会来。
I miss {person}.|我想念{person}。
This is {person}.|这是{person}。
I love {person}.|我爱{person}。
I am waiting for {person}.|我在等{person}。
I am going to {place} with {person}.|我要和{person}一起去{place}。
Where is {place}?|{place}在哪里？
How do I get to {place}?|去{place}怎么走？
Is {place} far from here?|{place}离这里远吗？
I want to go to {place}.|我想去{place}。
I am going to {place} {time}.|我{time}要去{place}。
Let's go to {place}.|我们去{place}吧。
We will meet at {place} {time}.|我们{time}在{place}见面。
I am at {place}.|我在{place}。
Please take me to {place}.|请带我去{place}。
{place} is closed {time}.|{place}{time}不开门。
How much is this {thing}?|这个{thing}多少钱？
I lost my {thing}.|我的{thing}丢了。
Where is my {thing}?|我的{thing}在哪里？
I need a new {thing}.|我需要一个新的{thing}。
This is my {thing}.|这是我的{thing}。
I will buy a {thing} {time}.|我{time}要买一个{thing}。
Can I use your {thing}?|我可以用你的{thing}吗？
This {thing} is too {adjective}.|这个{thing}太{adjective}了。
This {thing} is very {adjective}.|这个{thing}很{adjective}。
I do not have a {thing}.|我没有{thing}。
Do you have a {thing}?|你有{thing}吗？
My {thing} is {color}.|我的{thing}是{color}的。
I like {color}.|我喜欢{color}。
I am {feeling}.|我很{feeling}。
I am very {feeling} {time}.|我{time}很{feeling}。
Are you {feeling}?|你{feeling}吗？
I am not {feeling}.|我不{feeling}。
I want to {activity}.|我想{activity}。
I can {activity}.|我会{activity}。
I cannot {activity}.|我不会{activity}。
Can you {activity}?|你会{activity}吗？
Do you want to {activity} {time}?|你{time}想{activity}吗？
I like to {activity}.|我喜欢{activity}。
Let's {activity} {time}.|我们{time}去{activity}吧。
I will {activity} {time}.|我{time}要{activity}。
I am a {job}.|我是{job}。
I want to be a {job}.|我想当{job}。
She is a {job}.|她是{job}。
He is a {job}.|他是{job}。
I live in {city}.|我住在{city}。
I am from {city}.|我来自{city}。
I am going to {city} {time}.|我{time}要去{city}。
Have you been to {city}?|你去过{city}吗？
{city} is a beautiful city.|{city}是一座美丽的城市。
It is {weather} {time}.|{time}是{weather}。
I have a {animal}.|我有一只{animal}。
My {animal} is very cute.|我的{animal}很可爱。
I like your {animal}.|我喜欢你的{animal}。
Please wait {number} minutes.|请等{number}分钟。
I need {number} tickets.|我需要{number}张票。
There are {number} people in my family.|我家有{number}口人。
See you {time}.|{time}见。
Are you free {time}?|你{time}有空吗？
What are you doing {time}?|你{time}做什么？
I am busy {time}.|我{time}很忙。
""")

PHRASES = rows("""
Good morning|早上好
Good morning.|早上好。
Good afternoon|下午好
Good evening|晚上好
Good night|晚安
Hello|你好
Goodbye|再见
Thank you|谢谢
Thank you very much|非常感谢
You are welcome|不客气
Sorry|对不起
I am sorry|对不起
Excuse me|打扰一下
Please|请
Yes|是的
No|不是
How are you?|你好吗？
I am fine, thank you.|我很好，谢谢。
Nice to meet you.|很高兴认识你。
What is your name?|你叫什么名字？
My name is Anna.|我叫安娜。
Where are you from?|你来自哪里？
How old are you?|你多大了？
What time is it?|现在几点了？
What day is it today?|今天星期几？
I love you.|我爱你。
I do not know.|我不知道。
I do not understand.|我不明白。
I understand.|我明白了。
Can you help me?|你能帮我吗？
Please help me.|请帮帮我。
Please speak slowly.|请说慢一点。
Please say it again.|请再说一遍。
How much is it?|这个多少钱？
It is too expensive.|太贵了。
Where is the bathroom?|洗手间在哪里？
I am lost.|我迷路了。
Have a nice day.|祝你有美好的一天。
Happy birthday|生日快乐
Happy new year|新年快乐
Merry Christmas|圣诞快乐
Congratulations|恭喜
Good luck|祝你好运
See you later|待会儿见
See you tomorrow|明天见
Welcome|欢迎
Be careful|小心
Hurry up|快点
Wait a moment, please.|请稍等。
Come in, please.|请进。
Sit down, please.|请坐。
No problem|没问题
Of course|当然
Never mind|没关系
I agree.|我同意。
I think so.|我也这么认为。
The weather is nice today.|今天天气很好。
It is raining.|下雨了。
It is very cold today.|今天很冷。
I am hungry.|我很饿。
I am thirsty.|我很渴。
I am tired.|我很累。
I need a doctor.|我需要医生。
Call the police.|请报警。
What is this?|这是什么？
Who is he?|他是谁？
Why?|为什么？
When will you come back?|你什么时候回来？
Where do you live?|你住在哪里？
What do you do?|你是做什么工作的？
Do you speak English?|你会说英语吗？
I speak a little Chinese.|我会说一点中文。
The food is delicious.|饭菜很好吃。
The bill, please.|请结账。
Cheers|干杯
Long time no see|好久不见
Take care|保重
I am very happy.|我很高兴。
I like this book.|我喜欢这本书。
Knowledge is power.|知识就是力量。
Time is money.|时间就是金钱。
Practice makes perfect.|熟能生巧。
""")

ASK_CHINESE = (
    "Translate to Chinese: {}", "Translate to Chinese: {}", "Translate into Chinese: {}", "Translate this to Chinese: {}",
    'Translate "{}" to Chinese', 'Translate "{}" into Chinese', 'How do you say "{}" in Chinese?', "翻译成中文：{}",
    "把下面的句子翻译成中文：{}", "请翻译成中文：{}", "Translate the following sentence to Chinese: {}", "“{}”用中文怎么说？",
    "English to Chinese: {}",
)
ASK_ENGLISH = (
    "Translate to English: {}", "Translate into English: {}", "Translate this to English: {}", 'Translate "{}" to English',
    'How do you say "{}" in English?', "翻译成英文：{}", "翻译成英语：{}", "把下面的句子翻译成英文：{}", "请翻译成英文：{}",
    "“{}”用英语怎么说？", "“{}”用英文怎么说？", "Chinese to English: {}", "Translate the following sentence to English: {}",
)


def sample(rng: Random) -> Item:
    """A sentence to translate with its translation."""
    if rng.random() < 0.2:
        english, chinese = rng.choice(PHRASES)
        key = f"phrase/{english}"
    else:
        english, chinese = rng.choice(PATTERNS)
        for slot in re.findall(r"\{(\w+)\}", english):
            filler, filler_zh = rng.choice(SLOTS[slot])
            english = english.replace(f"{{{slot}}}", filler)
            chinese = chinese.replace(f"{{{slot}}}", filler_zh)
        english = english[:1].upper() + english[1:].replace(" a umbrella", " an umbrella")
        key = f"pattern/{english}"
    to_chinese = rng.random() < 0.5
    ask = rng.choice(ASK_CHINESE if to_chinese else ASK_ENGLISH)
    source, target = (english, chinese) if to_chinese else (chinese, english)
    typed = source
    if to_chinese and rng.random() < 0.4:
        typed = typed[:1].lower() + typed[1:] if not typed.startswith("I ") else typed
    if rng.random() < 0.4 or (typed[-1] in "?？" and ask[-1] in "?？"):
        typed = typed.rstrip(".。?？" if ask[-1] in "?？" else ".。")
    if key.startswith("phrase/"):
        key += f"/{ask}"
    if typed == source.rstrip(".。") != source:
        target = target.rstrip(".。")
    equals = (target, target.rstrip(".。"), target + "." if not to_chinese else target + "。")
    return Item(USE, "zh" if to_chinese else "en", ask.format(typed), target, key, equals=tuple(dict.fromkeys(equals)))
