"""Assistant commands: devices of a home, timers, alarms, reminders and music."""

from __future__ import annotations

from random import Random

from .base import Item, choose, rows, upper_first

USE = "commands"

ROOMS = rows("""
kitchen|厨房
living room|客厅
bedroom|卧室
bathroom|浴室
hallway|走廊
garage|车库
office|书房
garden|花园
dining room|餐厅
basement|地下室
nursery|婴儿房
guest room|客房
balcony|阳台
attic|阁楼
""")

DEVICES = rows("""
light|灯
lights|灯
lamp|台灯
fan|风扇
heater|暖气
air conditioner|空调
TV|电视
speaker|音箱
radio|收音机
humidifier|加湿器
""")

OPENABLES = rows("""
window|窗户
door|门
curtains|窗帘
blinds|百叶窗
""")

REMINDERS = rows("""
call mom|给妈妈打电话
buy milk|买牛奶
water the plants|浇花
take my medicine|吃药
walk the dog|遛狗
pay the rent|交房租
send the report|发报告
book a table|订餐厅
feed the cat|喂猫
take out the trash|倒垃圾
do my homework|做作业
charge the phone|给手机充电
""")

MUSIC = rows("""
jazz|爵士乐
classical music|古典音乐
rock|摇滚乐
piano music|钢琴曲
pop songs|流行歌曲
folk music|民谣
relaxing music|轻音乐
dance music|舞曲
""")

CHINESE_NUMBERS = {1: "一", 2: "两", 3: "三", 5: "五", 10: "十"}


def sample(rng: Random) -> Item:
    """A command with the reply that confirms it."""
    maker = rng.choices((_switch, _openable, _dim, _timer, _alarm, _remind, _music, _temperature), (8, 3, 2, 2, 2, 2, 1, 1))[0]
    return maker(rng, rng.choice(("en", "zh")))


def _switch(rng: Random, language: str) -> Item:
    room, room_zh = rng.choice(ROOMS)
    device, device_zh = rng.choice(DEVICES[:3] if rng.random() < 0.5 else DEVICES)
    state = rng.choice(("on", "off"))
    if rng.random() < 0.1:
        return _switch_here(rng, language, device, device_zh, state)
    if language == "zh":
        verb = "打开" if state == "on" else "关掉"
        verbs = "[打开|开]" if state == "on" else "[关掉|关上|关闭|关]"
        prompt = choose(rng, f"[把{room_zh}的{device_zh}{verbs}|{verbs}{room_zh}的{device_zh}|{verbs}{room_zh}{device_zh}|请把{room_zh}的{device_zh}{verbs}|帮我把{room_zh}的{device_zh}{verbs}|帮我{verbs}{room_zh}的{device_zh}]")
        answer = f"好的，{room_zh}的{device_zh}已经{verb}了。"
        return Item(USE, language, prompt, answer, f"{state}/{room}/{device_zh}", equals=(answer,))
    prompt = choose(rng, f"[Turn {state} the {room} {device}|Turn the {room} {device} {state}|Switch {state} the {room} {device}|Turn {state} the {device} in the {room}|Switch the {room} {device} {state}|Please turn {state} the {room} {device}|Can you turn {state} the {room} {device}?]")
    be = "are" if device == "lights" else "is"
    answer = f"OK, the {room} {device} {be} {state} now."
    return Item(USE, language, prompt, answer, f"{state}/{room}/{device}", equals=(answer,))


def _switch_here(rng: Random, language: str, device: str, device_zh: str, state: str) -> Item:
    if language == "zh":
        verb = "打开" if state == "on" else "关掉"
        prompt = choose(rng, f"[{verb}{device_zh}|把{device_zh}{verb}|帮我把{device_zh}{verb}|请{verb}{device_zh}]")
        answer = f"好的，{device_zh}已经{verb}了。"
    else:
        prompt = choose(rng, f"[Turn {state} the {device}|Turn the {device} {state}|Switch {state} the {device}]")
        answer = f"OK, the {device} {'are' if device == 'lights' else 'is'} {state} now."
    return Item(USE, language, prompt, answer, f"{state}/{prompt}", equals=(answer,))


def _openable(rng: Random, language: str) -> Item:
    room, room_zh = rng.choice(ROOMS)
    thing, thing_zh = rng.choice(OPENABLES)
    opened = rng.random() < 0.5
    if language == "zh":
        verb = "打开" if opened else "关上"
        prompt = choose(rng, f"[把{room_zh}的{thing_zh}{verb}|{verb}{room_zh}的{thing_zh}|帮我{verb}{room_zh}的{thing_zh}|请把{room_zh}的{thing_zh}{verb}]")
        answer = f"好的，{room_zh}的{thing_zh}已经{verb}了。"
    else:
        verb = "open" if opened else "close"
        prompt = upper_first(choose(rng, f"[{verb} the {room} {thing}|{verb} the {thing} in the {room}|please {verb} the {room} {thing}|can you {verb} the {room} {thing}?]"))
        be = "are" if thing.endswith("s") else "is"
        answer = f"OK, the {room} {thing} {be} {'open' if opened else 'closed'} now."
    return Item(USE, language, prompt, answer, f"{verb}/{room}/{thing}", equals=(answer,))


def _dim(rng: Random, language: str) -> Item:
    room, room_zh = rng.choice(ROOMS)
    level = rng.randrange(10, 100, 10)
    if language == "zh":
        prompt = choose(rng, f"[把{room_zh}的灯调到百分之{level}|{room_zh}的灯调到{level}%|将{room_zh}灯的亮度设为{level}%]")
        answer = f"好的，{room_zh}的灯已经调到{level}%了。"
    else:
        prompt = choose(rng, f"[Set|Dim] the {room} [light|lights] to {level}[%| percent]")
        answer = f"OK, the {room} lights are set to {level}%."
    return Item(USE, language, prompt, answer, f"dim/{room}/{level}", equals=(answer,))


def _timer(rng: Random, language: str) -> Item:
    minutes = rng.choice((1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 45, 50))
    if language == "zh":
        spoken = rng.choice((str(minutes), CHINESE_NUMBERS.get(minutes, str(minutes))))
        prompt = choose(rng, f"[设一个{spoken}分钟的计时器|定时{spoken}分钟|帮我计时{spoken}分钟|设置{spoken}分钟倒计时]")
        answer = f"好的，{minutes}分钟的计时开始了。"
    else:
        unit = "minute" if minutes == 1 else "minutes"
        prompt = choose(rng, f"[Set a timer for {minutes} {unit}|Set a {minutes} minute timer|Start a {minutes} minute timer|Timer for {minutes} {unit}]")
        answer = f"OK, your timer is set for {minutes} {unit}."
    return Item(USE, language, prompt, answer, f"timer/{minutes}/{len(prompt) % 3}", equals=(answer,))


def _alarm(rng: Random, language: str) -> Item:
    hour = rng.randrange(1, 13)
    morning = rng.random() < 0.6
    if language == "zh":
        part = "早上" if morning else "晚上"
        prompt = choose(rng, f"[设一个{part}{hour}点的闹钟|{part}{hour}点叫我起床|把闹钟定在{part}{hour}点|帮我定{part}{hour}点的闹钟]" if morning else f"[设一个{part}{hour}点的闹钟|把闹钟定在{part}{hour}点|帮我定{part}{hour}点的闹钟]")
        answer = f"好的，闹钟定在{part}{hour}点了。"
    else:
        part = "am" if morning else "pm"
        prompt = choose(rng, f"[Set an alarm for {hour} {part}|Wake me up at {hour} {part}|Alarm at {hour} {part}|Set the alarm for {hour} {part}]")
        answer = f"OK, your alarm is set for {hour} {part}."
    return Item(USE, language, prompt, answer, f"alarm/{hour}/{part}/{len(prompt) % 3}", equals=(answer,))


def _remind(rng: Random, language: str) -> Item:
    task, task_zh = rng.choice(REMINDERS)
    hour = rng.randrange(1, 13)
    if language == "zh":
        time = rng.choice(("明天", "今天晚上", f"{hour}点", "下午", "周末"))
        prompt = choose(rng, f"[{time}提醒我{task_zh}|提醒我{time}{task_zh}|请在{time}提醒我{task_zh}]")
        answer = f"好的，我会在{time}提醒你{task_zh}。"
    else:
        time = rng.choice(("tomorrow", "tonight", f"at {hour}", "this afternoon", "on Sunday"))
        prompt = choose(rng, f"[Remind me to {task} {time}|Set a reminder to {task} {time}|Remind me {time} to {task}]")
        answer = f"OK, I will remind you to {task.replace('my', 'your')} {time}."
    return Item(USE, language, prompt, answer, f"remind/{task}/{time}", equals=(answer,))


def _music(rng: Random, language: str) -> Item:
    genre, genre_zh = rng.choice(MUSIC)
    room, room_zh = rng.choice(ROOMS)
    if language == "zh":
        prompt = choose(rng, f"[在{room_zh}播放{genre_zh}|在{room_zh}放一些{genre_zh}]")
        answer = f"好的，正在{room_zh}播放{genre_zh}。"
    else:
        prompt = choose(rng, f"[Play|Play some] {genre} in the {room}")
        answer = f"OK, playing {genre} in the {room}."
    return Item(USE, language, prompt, answer, f"music/{genre}/{room}", equals=(answer,))


def _temperature(rng: Random, language: str) -> Item:
    room, room_zh = rng.choice(ROOMS)
    degrees = rng.randrange(16, 29)
    if language == "zh":
        prompt = choose(rng, f"[把{room_zh}的温度调到{degrees}度|{room_zh}温度设为{degrees}度|将{room_zh}的空调调到{degrees}度]")
        answer = f"好的，{room_zh}的温度已经设为{degrees}度。"
    else:
        prompt = choose(rng, f"[Set the {room} temperature to {degrees} degrees|Set the temperature in the {room} to {degrees}|Make the {room} {degrees} degrees]")
        answer = f"OK, the {room} temperature is set to {degrees} degrees."
    return Item(USE, language, prompt, answer, f"temperature/{room}/{degrees}", equals=(answer,))
