"""Questions and answers: countries, general facts, small sums and who the model is."""

from __future__ import annotations

from random import Random

from .base import Item, choose, rows

USE = "questions"

COUNTRIES = rows("""
France|法国|Paris|巴黎|Europe|欧洲|French|法语
Germany|德国|Berlin|柏林|Europe|欧洲|German|德语
Italy|意大利|Rome|罗马|Europe|欧洲|Italian|意大利语
Spain|西班牙|Madrid|马德里|Europe|欧洲|Spanish|西班牙语
Portugal|葡萄牙|Lisbon|里斯本|Europe|欧洲|Portuguese|葡萄牙语
the United Kingdom|英国|London|伦敦|Europe|欧洲|English|英语
Ireland|爱尔兰|Dublin|都柏林|Europe|欧洲|English|英语
the Netherlands|荷兰|Amsterdam|阿姆斯特丹|Europe|欧洲|Dutch|荷兰语
Belgium|比利时|Brussels|布鲁塞尔|Europe|欧洲|Dutch|荷兰语
Austria|奥地利|Vienna|维也纳|Europe|欧洲|German|德语
Poland|波兰|Warsaw|华沙|Europe|欧洲|Polish|波兰语
Greece|希腊|Athens|雅典|Europe|欧洲|Greek|希腊语
Sweden|瑞典|Stockholm|斯德哥尔摩|Europe|欧洲|Swedish|瑞典语
Norway|挪威|Oslo|奥斯陆|Europe|欧洲|Norwegian|挪威语
Denmark|丹麦|Copenhagen|哥本哈根|Europe|欧洲|Danish|丹麦语
Finland|芬兰|Helsinki|赫尔辛基|Europe|欧洲|Finnish|芬兰语
Iceland|冰岛|Reykjavik|雷克雅未克|Europe|欧洲|Icelandic|冰岛语
Hungary|匈牙利|Budapest|布达佩斯|Europe|欧洲|Hungarian|匈牙利语
the Czech Republic|捷克|Prague|布拉格|Europe|欧洲|Czech|捷克语
Romania|罗马尼亚|Bucharest|布加勒斯特|Europe|欧洲|Romanian|罗马尼亚语
Bulgaria|保加利亚|Sofia|索非亚|Europe|欧洲|Bulgarian|保加利亚语
Croatia|克罗地亚|Zagreb|萨格勒布|Europe|欧洲|Croatian|克罗地亚语
Serbia|塞尔维亚|Belgrade|贝尔格莱德|Europe|欧洲|Serbian|塞尔维亚语
Ukraine|乌克兰|Kyiv|基辅|Europe|欧洲|Ukrainian|乌克兰语
Russia|俄罗斯|Moscow|莫斯科|Europe|欧洲|Russian|俄语
Turkey|土耳其|Ankara|安卡拉|Asia|亚洲|Turkish|土耳其语
China|中国|Beijing|北京|Asia|亚洲|Chinese|中文
Japan|日本|Tokyo|东京|Asia|亚洲|Japanese|日语
South Korea|韩国|Seoul|首尔|Asia|亚洲|Korean|韩语
India|印度|New Delhi|新德里|Asia|亚洲|Hindi|印地语
Thailand|泰国|Bangkok|曼谷|Asia|亚洲|Thai|泰语
Vietnam|越南|Hanoi|河内|Asia|亚洲|Vietnamese|越南语
Indonesia|印度尼西亚|Jakarta|雅加达|Asia|亚洲|Indonesian|印尼语
Malaysia|马来西亚|Kuala Lumpur|吉隆坡|Asia|亚洲|Malay|马来语
the Philippines|菲律宾|Manila|马尼拉|Asia|亚洲|Filipino|菲律宾语
Mongolia|蒙古|Ulaanbaatar|乌兰巴托|Asia|亚洲|Mongolian|蒙古语
Nepal|尼泊尔|Kathmandu|加德满都|Asia|亚洲|Nepali|尼泊尔语
Pakistan|巴基斯坦|Islamabad|伊斯兰堡|Asia|亚洲|Urdu|乌尔都语
Iran|伊朗|Tehran|德黑兰|Asia|亚洲|Persian|波斯语
Iraq|伊拉克|Baghdad|巴格达|Asia|亚洲|Arabic|阿拉伯语
Saudi Arabia|沙特阿拉伯|Riyadh|利雅得|Asia|亚洲|Arabic|阿拉伯语
Jordan|约旦|Amman|安曼|Asia|亚洲|Arabic|阿拉伯语
Egypt|埃及|Cairo|开罗|Africa|非洲|Arabic|阿拉伯语
Morocco|摩洛哥|Rabat|拉巴特|Africa|非洲|Arabic|阿拉伯语
Kenya|肯尼亚|Nairobi|内罗毕|Africa|非洲|Swahili|斯瓦希里语
Ethiopia|埃塞俄比亚|Addis Ababa|亚的斯亚贝巴|Africa|非洲|Amharic|阿姆哈拉语
Nigeria|尼日利亚|Abuja|阿布贾|Africa|非洲|English|英语
Ghana|加纳|Accra|阿克拉|Africa|非洲|English|英语
Senegal|塞内加尔|Dakar|达喀尔|Africa|非洲|French|法语
the United States|美国|Washington, D.C.|华盛顿|North America|北美洲|English|英语
Canada|加拿大|Ottawa|渥太华|North America|北美洲|English|英语
Mexico|墨西哥|Mexico City|墨西哥城|North America|北美洲|Spanish|西班牙语
Cuba|古巴|Havana|哈瓦那|North America|北美洲|Spanish|西班牙语
Jamaica|牙买加|Kingston|金斯敦|North America|北美洲|English|英语
Brazil|巴西|Brasilia|巴西利亚|South America|南美洲|Portuguese|葡萄牙语
Argentina|阿根廷|Buenos Aires|布宜诺斯艾利斯|South America|南美洲|Spanish|西班牙语
Chile|智利|Santiago|圣地亚哥|South America|南美洲|Spanish|西班牙语
Peru|秘鲁|Lima|利马|South America|南美洲|Spanish|西班牙语
Colombia|哥伦比亚|Bogota|波哥大|South America|南美洲|Spanish|西班牙语
Uruguay|乌拉圭|Montevideo|蒙得维的亚|South America|南美洲|Spanish|西班牙语
Australia|澳大利亚|Canberra|堪培拉|Oceania|大洋洲|English|英语
New Zealand|新西兰|Wellington|惠灵顿|Oceania|大洋洲|English|英语
""")

GENERAL = rows("""
How many days are in a week?;How many days does a week have?|There are seven days in a week.|seven|一周有几天？;一个星期有多少天？|一周有七天。|七
How many months are in a year?;How many months does a year have?|There are twelve months in a year.|twelve|一年有几个月？;一年有多少个月？|一年有十二个月。|十二
How many hours are in a day?;How many hours does a day have?|There are 24 hours in a day.|24|一天有几个小时？;一天有多少小时？|一天有24个小时。|24
How many minutes are in an hour?;How many minutes does an hour have?|There are 60 minutes in an hour.|60|一小时有多少分钟？;一个小时有几分钟？|一小时有60分钟。|60
How many seconds are in a minute?;How many seconds does a minute have?|There are 60 seconds in a minute.|60|一分钟有多少秒？;一分钟有几秒？|一分钟有60秒。|60
How many days are in a year?;How many days does a year have?|A year usually has 365 days, and a leap year has 366.|365|一年有多少天？;一年有几天？|一年通常有365天，闰年有366天。|365
How many continents are there?;How many continents does the Earth have?|There are seven continents.|seven|地球上有几个大洲？;世界上有多少个大洲？|地球上有七个大洲。|七
How many planets are there in the solar system?;How many planets orbit the Sun?|There are eight planets in the solar system.|eight|太阳系有几颗行星？;太阳系有多少行星？|太阳系有八颗行星。|八
What is the largest planet?;Which planet is the biggest?|The largest planet in the solar system is Jupiter.|Jupiter|最大的行星是哪颗？;太阳系最大的行星是什么？|太阳系最大的行星是木星。|木星
What is the smallest planet?;Which planet is the smallest?|The smallest planet in the solar system is Mercury.|Mercury|最小的行星是哪颗？;太阳系最小的行星是什么？|太阳系最小的行星是水星。|水星
Which planet is closest to the Sun?;What planet is nearest to the Sun?|Mercury is the planet closest to the Sun.|Mercury|离太阳最近的行星是哪颗？;哪颗行星离太阳最近？|离太阳最近的行星是水星。|水星
Which planet is called the red planet?;What is the red planet?|Mars is called the red planet.|Mars|哪颗行星被称为红色星球？;红色星球是哪颗行星？|火星被称为红色星球。|火星
What is the largest ocean?;Which ocean is the biggest?|The largest ocean is the Pacific Ocean.|Pacific|最大的海洋是哪个？;世界上最大的海洋是什么？|世界上最大的海洋是太平洋。|太平洋
What is the highest mountain in the world?;Which mountain is the tallest?|The highest mountain in the world is Mount Everest.|Everest|世界上最高的山是哪座？;最高的山峰是什么？|世界上最高的山是珠穆朗玛峰。|珠穆朗玛峰
What is the longest river in the world?;Which river is the longest?|The longest river in the world is usually said to be the Nile.|Nile|世界上最长的河是哪条？;最长的河流是什么？|世界上最长的河通常认为是尼罗河。|尼罗河
What is the largest animal?;Which animal is the biggest?|The largest animal is the blue whale.|blue whale|最大的动物是什么？;世界上最大的动物是哪种？|世界上最大的动物是蓝鲸。|蓝鲸
What is the tallest animal?;Which animal is the tallest?|The tallest animal is the giraffe.|giraffe|最高的动物是什么？;世界上最高的动物是哪种？|世界上最高的动物是长颈鹿。|长颈鹿
What is the fastest land animal?;Which land animal is the fastest?|The fastest land animal is the cheetah.|cheetah|跑得最快的动物是什么？;陆地上最快的动物是哪种？|陆地上跑得最快的动物是猎豹。|猎豹
What is the largest desert?;Which hot desert is the biggest?|The largest hot desert is the Sahara.|Sahara|最大的沙漠是哪个？;世界上最大的沙漠是什么？|世界上最大的热带沙漠是撒哈拉沙漠。|撒哈拉
What is the largest country in the world?;Which country is the biggest?|The largest country in the world by area is Russia.|Russia|世界上面积最大的国家是哪个？;最大的国家是什么？|世界上面积最大的国家是俄罗斯。|俄罗斯
What color is the sky?;What colour is the sky on a clear day?|The sky is blue on a clear day.|blue|天空是什么颜色的？;晴天的天空是什么颜色？|晴天的时候，天空是蓝色的。|蓝
What color is grass?;What colour is grass?|Grass is green.|green|草是什么颜色的？;小草是什么颜色？|草是绿色的。|绿
What color is snow?;What colour is snow?|Snow is white.|white|雪是什么颜色的？;雪花是什么颜色？|雪是白色的。|白
At what temperature does water boil?;When does water boil?|Water boils at 100 degrees Celsius at sea level.|100|水在多少度沸腾？;水的沸点是多少？|在海平面，水在100摄氏度时沸腾。|100
At what temperature does water freeze?;When does water freeze?|Water freezes at 0 degrees Celsius.|0|水在多少度结冰？;水的冰点是多少？|水在0摄氏度时结冰。|0
What is water made of?;What are the elements in water?|Water is made of hydrogen and oxygen.|hydrogen and oxygen|水是由什么组成的？;水由哪些元素组成？|水由氢和氧组成。|氢和氧
What do plants need to grow?;What does a plant need?|Plants need light, water, air and nutrients to grow.|light|植物生长需要什么？;植物需要什么才能生长？|植物生长需要阳光、水、空气和养分。|阳光
What gas do we breathe in?;Which gas do people need to breathe?|We need oxygen from the air we breathe.|oxygen|人呼吸需要什么气体？;我们需要呼吸哪种气体？|人呼吸需要氧气。|氧气
How many legs does a spider have?;How many legs do spiders have?|A spider has eight legs.|eight|蜘蛛有几条腿？;蜘蛛有多少条腿？|蜘蛛有八条腿。|八
How many legs does an insect have?;How many legs do insects have?|An insect has six legs.|six|昆虫有几条腿？;昆虫有多少条腿？|昆虫有六条腿。|六
How many legs does a dog have?;How many legs do dogs have?|A dog has four legs.|four|狗有几条腿？;狗有多少条腿？|狗有四条腿。|四
Who wrote Hamlet?;Who is the author of Hamlet?|Hamlet was written by William Shakespeare.|Shakespeare|《哈姆雷特》是谁写的？;《哈姆雷特》的作者是谁？|《哈姆雷特》是莎士比亚写的。|莎士比亚
Who wrote Pride and Prejudice?;Who is the author of Pride and Prejudice?|Pride and Prejudice was written by Jane Austen.|Austen|《傲慢与偏见》是谁写的？;《傲慢与偏见》的作者是谁？|《傲慢与偏见》是简·奥斯汀写的。|奥斯汀
Who wrote Journey to the West?;Who is the author of Journey to the West?|Journey to the West was written by Wu Cheng'en.|Wu Cheng'en|《西游记》是谁写的？;《西游记》的作者是谁？|《西游记》是吴承恩写的。|吴承恩
Who wrote Dream of the Red Chamber?;Who is the author of Dream of the Red Chamber?|Dream of the Red Chamber was written by Cao Xueqin.|Cao Xueqin|《红楼梦》是谁写的？;《红楼梦》的作者是谁？|《红楼梦》是曹雪芹写的。|曹雪芹
Who painted the Mona Lisa?;Who is the painter of the Mona Lisa?|The Mona Lisa was painted by Leonardo da Vinci.|Leonardo|《蒙娜丽莎》是谁画的？;《蒙娜丽莎》的作者是谁？|《蒙娜丽莎》是达·芬奇画的。|达·芬奇
Who discovered gravity?;Who described the law of gravity?|Isaac Newton described the law of gravity.|Newton|谁发现了万有引力？;万有引力是谁提出的？|万有引力是牛顿提出的。|牛顿
Who developed the theory of relativity?;Who came up with relativity?|The theory of relativity was developed by Albert Einstein.|Einstein|相对论是谁提出的？;谁提出了相对论？|相对论是爱因斯坦提出的。|爱因斯坦
Who was the first person on the Moon?;Who first walked on the Moon?|Neil Armstrong was the first person on the Moon.|Armstrong|第一个登上月球的人是谁？;谁第一个登上了月球？|第一个登上月球的人是阿姆斯特朗。|阿姆斯特朗
Who invented the telephone?;Who is known for inventing the telephone?|The telephone is usually credited to Alexander Graham Bell.|Bell|电话是谁发明的？;谁发明了电话？|电话通常认为是贝尔发明的。|贝尔
What do bees make?;What food do bees make?|Bees make honey.|honey|蜜蜂酿造什么？;蜜蜂能做出什么食物？|蜜蜂酿造蜂蜜。|蜂蜜
What do pandas eat?;What is the main food of pandas?|Pandas mostly eat bamboo.|bamboo|熊猫吃什么？;大熊猫主要吃什么？|大熊猫主要吃竹子。|竹子
What do cows drink?;What do cows drink every day?|Cows drink water.|water|牛喝什么？;奶牛每天喝什么？|牛喝水。|水
Where does the sun rise?;In which direction does the sun rise?|The sun rises in the east.|east|太阳从哪边升起？;太阳从哪个方向升起？|太阳从东方升起。|东
Where does the sun set?;In which direction does the sun set?|The sun sets in the west.|west|太阳从哪边落下？;太阳从哪个方向落下？|太阳从西方落下。|西
Why is the sky blue?;Why does the sky look blue?|The sky looks blue because air scatters blue light more than red light.|scatters|天空为什么是蓝色的？;为什么天空是蓝色的？|天空是蓝色的，因为空气对蓝光的散射比红光更强。|散射
Why do leaves fall in autumn?;Why do trees lose their leaves?|Trees drop their leaves in autumn to save water and energy for the winter.|save water|树叶为什么在秋天落下？;为什么秋天树会落叶？|树在秋天落叶，是为了在冬天节省水分和能量。|节省水分
Why do we sleep?;Why do people need sleep?|We sleep so that the body can rest and the brain can sort what it has learned.|rest|人为什么要睡觉？;我们为什么需要睡眠？|睡觉让身体得到休息，也让大脑整理学到的东西。|休息
What is the Moon?;What is the Moon exactly?|The Moon is the natural satellite of the Earth.|satellite|月亮是什么？;月球是什么？|月球是地球的天然卫星。|卫星
What is the Sun?;What kind of object is the Sun?|The Sun is the star at the center of the solar system.|star|太阳是什么？;太阳是什么样的天体？|太阳是位于太阳系中心的恒星。|恒星
What is a computer?;What does a computer do?|A computer is a machine that follows instructions to process information.|machine|什么是计算机？;计算机是什么？|计算机是一种按照指令处理信息的机器。|机器
What is an algorithm?;What does algorithm mean?|An algorithm is a list of clear steps that solves a problem.|steps|什么是算法？;算法是什么？|算法是解决问题的一系列清楚的步骤。|步骤
What is the internet?;What does internet mean?|The internet is a network that connects computers all over the world.|network|什么是互联网？;互联网是什么？|互联网是连接全世界计算机的网络。|网络
What is a language model?;What does a language model do?|A language model is a program that predicts the next piece of a text.|predicts|什么是语言模型？;语言模型是什么？|语言模型是一种预测下一段文字的程序。|预测
What is machine learning?;What does machine learning mean?|Machine learning is a way for computers to learn rules from examples.|examples|什么是机器学习？;机器学习是什么？|机器学习是让计算机从例子中学习规律的方法。|例子
What is artificial intelligence?;What is AI?|Artificial intelligence is the art of building machines that can learn and solve problems.|machines|什么是人工智能？;人工智能是什么？|人工智能是让机器学习和解决问题的技术。|机器
What is gravity?;What does gravity do?|Gravity is the force that pulls objects toward each other.|force|什么是重力？;重力是什么？|重力是使物体相互吸引的力。|力
What is photosynthesis?;What does photosynthesis mean?|Photosynthesis is how plants use light to turn water and carbon dioxide into food.|light|什么是光合作用？;光合作用是什么？|光合作用是植物利用光把水和二氧化碳变成养分的过程。|光
What is the opposite of hot?;What is the antonym of hot?|The opposite of hot is cold.|cold|热的反义词是什么？;“热”的反义词是什么？|“热”的反义词是“冷”。|冷
What is the opposite of big?;What is the antonym of big?|The opposite of big is small.|small|大的反义词是什么？;“大”的反义词是什么？|“大”的反义词是“小”。|小
What is the opposite of fast?;What is the antonym of fast?|The opposite of fast is slow.|slow|快的反义词是什么？;“快”的反义词是什么？|“快”的反义词是“慢”。|慢
""")

SELF = rows("""
[Hello|Hi|Hey|Hello!|Hi!|Hi there|Hello there|Good day]|Hello! How can I help you today?|[你好|您好|你好！|嗨|你好呀|哈喽]|你好！有什么可以帮你的吗？
[Good morning|Good morning!]|Good morning! How can I help you?|[早上好|早上好！|早安]|早上好！有什么可以帮你的吗？
[Good evening|Good evening!]|Good evening! How can I help you?|[晚上好|晚上好！]|晚上好！有什么可以帮你的吗？
[Who are you?|What are you?|What is your name?|Tell me about yourself|Introduce yourself]|I am Starter, a small language model. I can write short texts, answer simple questions, translate everyday sentences and write small functions.|[你是谁？|你叫什么名字？|介绍一下你自己|你是什么？|你是什么模型？]|我是Starter，一个小型语言模型。我会写短文、回答简单的问题、翻译日常句子，也会写小段代码。
[What can you do?|How can you help me?|What are you able to do?|Help]|I can write short articles and stories, answer simple questions, follow home commands, translate between English and Chinese, write small functions and recommend things.|[你会做什么？|你能做什么？|你能帮我什么？|你有什么功能？]|我会写短文和故事、回答简单的问题、执行家居指令、做中英互译、写小函数，还能推荐东西。
[How are you?|How are you doing?|How are you today?|How is it going?]|I am doing well, thank you. What can I do for you?|[你好吗？|你怎么样？|你今天好吗？|最近怎么样？]|我很好，谢谢。有什么可以帮你的吗？
[Thank you|Thanks|Thank you!|Thanks a lot|Thank you very much]|You are welcome!|[谢谢|谢谢你|非常感谢|多谢|谢谢！]|不客气！
[Goodbye|Bye|See you|Bye bye|Good night]|Goodbye! Have a nice time.|[再见|拜拜|回头见|晚安]|再见！祝你愉快。
[Are you human?|Are you a person?|Are you a robot?|Are you real?]|No, I am Starter, a small language model that runs on a computer.|[你是人吗？|你是真人吗？|你是机器人吗？]|不是人，我是Starter，一个运行在计算机上的小型语言模型。
[Who made you?|Who trained you?|Where do you come from?]|I was trained from scratch on a small corpus made for this project.|[谁创造了你？|你是谁训练的？|你从哪里来？]|我是用为本项目编写的小型语料从零训练出来的。
[Test|test|This is a test|Testing|ping]|The test works. How can I help you?|[测试|测试一下|这是一个测试]|测试成功。有什么可以帮你的吗？
[Tell me a joke|Tell a joke|Do you know a joke?|Make me laugh]|Why did the computer go to the doctor? Because it had a virus!|[讲个笑话|给我讲个笑话|说个笑话吧]|电脑为什么去看医生？因为它中了病毒！
[What is the weather today?|How is the weather?|What is the weather like?|Will it rain tomorrow?]|I am sorry, I cannot see the weather from here.|[今天天气怎么样？|明天会下雨吗？|天气怎么样？]|抱歉，我在这里看不到天气。
[What time is it?|What is the time?|What day is it today?|What is the date?]|I am sorry, I do not have a clock.|[现在几点了？|几点了？|今天几号？|今天星期几？]|抱歉，我没有时钟。
""")

UNKNOWN = rows("""
[What is the phone number of|Where does|How old is|What is the salary of|Who is the brother of] [my neighbor|your boss|Mr. Brown|the mayor|my teacher|that man|her cousin|the owner of the shop] [live|now|exactly|today]?|I am sorry, I do not know that.|[我邻居|你的老板|王先生|那位老师|市长|她的表哥|店主|李小姐][的电话是多少|住在哪里|今年几岁|的工资是多少|昨天做了什么]？|抱歉，这个我不知道。
[What will|Who will win|How much will] [the match|the lottery|the election|the stock market|gold|a house|my future] [be tomorrow|be next year|next week|cost in ten years]?|I am sorry, I cannot know that.|[下周|明年|十年后|明天][谁会赢比赛|彩票开什么号码|股票会涨吗|金价是多少|房价会怎么样]？|抱歉，这个我无法知道。
""")


def sample(rng: Random) -> Item:
    """A question with its answer."""
    maker = rng.choices((_country, _general, _sum, _self, _unknown), (8, 5, 3, 3, 1))[0]
    return maker(rng, rng.choice(("en", "zh")))


def _country(rng: Random, language: str) -> Item:
    country, country_zh, capital, capital_zh, continent, continent_zh, speech, speech_zh = rng.choice(COUNTRIES)
    relation = rng.choices(("capital", "country", "continent", "language"), (5, 2, 2, 2))[0]
    if language == "zh":
        prompts, answer, right = {
            "capital": (f"{country_zh}的首都是[哪里|什么|哪座城市|哪个城市]？|{country_zh}的首都在哪[里|儿]？|{country_zh}首都是哪[里|儿]？|哪座城市是{country_zh}的首都？|请问{country_zh}的首都是哪里？", f"{country_zh}的首都是{capital_zh}。", capital_zh),
            "country": (f"{capital_zh}是哪个国家的首都？|{capital_zh}是哪国的首都？", f"{capital_zh}是{country_zh}的首都。", country_zh),
            "continent": (f"{country_zh}在哪个[洲|大洲]？|{country_zh}位于哪个[洲|大洲]？", f"{country_zh}位于{continent_zh}。", continent_zh),
            "language": (f"{country_zh}人说什么语言？|{country_zh}的语言是什么？", f"{country_zh}人说{speech_zh}。", speech_zh),
        }[relation]
    else:
        prompts, answer, right = {
            "capital": (f"What is the capital of {country}?|What's the capital of {country}?|What is the capital city of {country}?|Which city is the capital of {country}?|Name the capital of {country}|Tell me the capital of {country}|Capital of {country}?", f"The capital of {country} is {capital}.", capital),
            "country": (f"{capital} is the capital of which country?|Which country has {capital} as its capital?|What country is {capital} the capital of?", f"{capital} is the capital of {country}.", country),
            "continent": (f"Which continent is {country} in?|What continent is {country} in?|Where is {country}?", f"{country[:1].upper()}{country[1:]} is in {continent}.", continent),
            "language": (f"What language do people speak in {country}?|Which language is spoken in {country}?|What is the language of {country}?", f"People in {country} speak {speech}.", speech),
        }[relation]
    prompt = choose(rng, f"[{prompts}]")
    answer = answer if answer[-2:] != ".." else answer[:-1]
    return Item(USE, language, prompt, answer, f"{relation}/{prompt}", match=(right,))


def _general(rng: Random, language: str) -> Item:
    question, answer, right, question_zh, answer_zh, right_zh = rng.choice(GENERAL)
    if language == "zh":
        question, answer, right = question_zh, answer_zh, right_zh
    phrasings = question.split(";")
    opening = rng.choice(("", "", "", "请问", "你知道", "我想知道") if language == "zh" else ("", "", "", "Tell me, ", "Do you know? ", "Quick question: "))
    prompt = opening + rng.choice(phrasings)
    return Item(USE, language, prompt, answer, prompt, match=(right,))


def _sum(rng: Random, language: str) -> Item:
    a, b = rng.randrange(0, 21), rng.randrange(0, 21)
    if rng.random() < 0.35:
        a, b = max(a, b), min(a, b)
        sign, word, word_zh, result = "-", "minus", "减", a - b
    else:
        sign, word, word_zh, result = "+", "plus", "加", a + b
    if language == "zh":
        prompt = choose(rng, f"[{a}{word_zh}{b}等于多少？|{a}{word_zh}{b}等于几？|{a}{sign}{b}=？|计算{a}{sign}{b}|{a}{sign}{b}等于多少？]")
    else:
        prompt = choose(rng, f"[What is {a} {word} {b}?|What is {a} {sign} {b}?|Calculate {a} {sign} {b}|{a} {sign} {b}|{a}{sign}{b}=?|How much is {a} {word} {b}?]")
    answer = f"{a} {sign} {b} = {result}"
    return Item(USE, language, prompt, answer, f"{a}{sign}{b}", match=(rf"= {result}$",))


def _self(rng: Random, language: str) -> Item:
    question, answer, question_zh, answer_zh = (choose(rng, cell) for cell in rng.choice(SELF))
    if language == "zh":
        return Item(USE, language, question_zh, answer_zh, f"self/{question_zh}", equals=(answer_zh,))
    return Item(USE, language, question, answer, f"self/{question}", equals=(answer,))


def _unknown(rng: Random, language: str) -> Item:
    question, answer, question_zh, answer_zh = (choose(rng, cell) for cell in rng.choice(UNKNOWN))
    if language == "zh":
        return Item(USE, language, question_zh, answer_zh, f"unknown/{question_zh}", equals=(answer_zh,))
    return Item(USE, language, question, answer, f"unknown/{question}", equals=(answer,))
