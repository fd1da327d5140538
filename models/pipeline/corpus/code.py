"""Small functions in Python, JavaScript and TypeScript."""

from __future__ import annotations

from random import Random

from .base import Item, choose, rows

USE = "code"

LANGUAGES = ("Python", "JavaScript", "TypeScript")

# name | English tasks | Chinese task | parameters with types | Python result | JavaScript result | result type
EXPRESSIONS = rows("""
add|adds two numbers;add two numbers;sum of two numbers|两数相加;两个数相加|a:number, b:number|a + b|a + b|number
subtract|subtracts two numbers;subtract two numbers|两数相减|a:number, b:number|a - b|a - b|number
multiply|multiplies two numbers;multiply two numbers;product of two numbers|两数相乘|a:number, b:number|a * b|a * b|number
divide|divides two numbers;divide two numbers|两数相除|a:number, b:number|a / b|a / b|number
square|squares a number;square a number;square of a number|计算平方;求一个数的平方|x:number|x * x|x * x|number
cube|cubes a number;cube of a number|计算立方;求一个数的立方|x:number|x * x * x|x * x * x|number
double|doubles a number;double a number|把一个数翻倍|x:number|x * 2|x * 2|number
half|halves a number;half of a number|求一个数的一半|x:number|x / 2|x / 2|number
average|averages two numbers;average of two numbers|求两个数的平均值|a:number, b:number|(a + b) / 2|(a + b) / 2|number
is_even|checks if a number is even;check even numbers|判断偶数;判断一个数是不是偶数|n:number|n % 2 == 0|n % 2 === 0|boolean
is_odd|checks if a number is odd;check odd numbers|判断奇数;判断一个数是不是奇数|n:number|n % 2 == 1|n % 2 === 1|boolean
is_positive|checks if a number is positive|判断一个数是不是正数|n:number|n > 0|n > 0|boolean
is_negative|checks if a number is negative|判断一个数是不是负数|n:number|n < 0|n < 0|boolean
maximum|returns the larger of two numbers;maximum of two numbers;finds the maximum of two numbers|求两个数的最大值|a:number, b:number|max(a, b)|Math.max(a, b)|number
minimum|returns the smaller of two numbers;minimum of two numbers;finds the minimum of two numbers|求两个数的最小值|a:number, b:number|min(a, b)|Math.min(a, b)|number
absolute|returns the absolute value of a number;absolute value|求绝对值|x:number|abs(x)|Math.abs(x)|number
power|raises a number to a power;power of a number|计算一个数的幂|base:number, exponent:number|base ** exponent|base ** exponent|number
remainder|returns the remainder of a division;remainder of two numbers|求余数|a:number, b:number|a % b|a % b|number
round_number|rounds a number;round a number|四舍五入|x:number|round(x)|Math.round(x)|number
rectangle_area|computes the area of a rectangle;area of a rectangle|计算长方形面积|width:number, height:number|width * height|width * height|number
triangle_area|computes the area of a triangle;area of a triangle|计算三角形面积|base:number, height:number|base * height / 2|base * height / 2|number
perimeter|computes the perimeter of a rectangle;perimeter of a rectangle|计算长方形周长|width:number, height:number|2 * (width + height)|2 * (width + height)|number
celsius_to_fahrenheit|converts Celsius to Fahrenheit;Celsius to Fahrenheit|把摄氏度转换成华氏度|c:number|c * 9 / 5 + 32|c * 9 / 5 + 32|number
kilometers_to_miles|converts kilometers to miles;kilometers to miles|把公里转换成英里|km:number|km * 0.621371|km * 0.621371|number
reverse_string|reverses a string;reverse a string|反转字符串|text:string|text[::-1]|[...text].reverse().join("")|string
to_upper|converts a string to upper case;upper case a string|把字符串变成大写|text:string|text.upper()|text.toUpperCase()|string
to_lower|converts a string to lower case;lower case a string|把字符串变成小写|text:string|text.lower()|text.toLowerCase()|string
string_length|returns the length of a string;length of a string|求字符串长度|text:string|len(text)|text.length|number
is_palindrome|checks if a string is a palindrome;check palindromes|判断回文字符串;判断回文|text:string|text == text[::-1]|text === [...text].reverse().join("")|boolean
trim|removes spaces around a string;trim a string|去掉字符串两端的空格|text:string|text.strip()|text.trim()|string
split_words|splits a sentence into words;split a sentence into words|把句子分成单词|text:string|text.split()|text.split(" ")|string[]
count_words|counts the words in a string;count words|统计单词数量|text:string|len(text.split())|text.split(" ").length|number
join_words|joins words with spaces;join words|用空格连接单词|words:string[]|" ".join(words)|words.join(" ")|string
starts_with|checks if a string starts with a prefix|判断字符串是否以某个前缀开头|text:string, prefix:string|text.startswith(prefix)|text.startsWith(prefix)|boolean
contains|checks if a string contains another string|判断字符串是否包含另一个字符串|text:string, part:string|part in text|text.includes(part)|boolean
greet|greets a person by name;greet a person|向一个人问好|name:string|"Hello, " + name|"Hello, " + name|string
sum_list|sums a list of numbers;sum a list;sum of a list|计算列表的和;求列表的总和|items:number[]|sum(items)|items.reduce((a, b) => a + b, 0)|number
largest|finds the largest number in a list;largest number in a list|找出列表中的最大值|items:number[]|max(items)|Math.max(...items)|number
smallest|finds the smallest number in a list;smallest number in a list|找出列表中的最小值|items:number[]|min(items)|Math.min(...items)|number
sort_list|sorts a list of numbers;sort a list|给列表排序;把数字列表排序|items:number[]|sorted(items)|[...items].sort((a, b) => a - b)|number[]
reverse_list|reverses a list;reverse a list|反转列表|items:number[]|items[::-1]|[...items].reverse()|number[]
first_item|returns the first item of a list;first item of a list|返回列表的第一个元素|items:number[]|items[0]|items[0]|number
last_item|returns the last item of a list;last item of a list|返回列表的最后一个元素|items:number[]|items[-1]|items[items.length - 1]|number
list_length|returns the length of a list;length of a list|求列表长度|items:number[]|len(items)|items.length|number
unique|removes duplicates from a list;remove duplicates|去掉列表中的重复元素;列表去重|items:number[]|list(set(items))|[...new Set(items)]|number[]
squares|squares every number in a list;squares of a list|求列表中每个数的平方|items:number[]|[x * x for x in items]|items.map((x) => x * x)|number[]
even_numbers|keeps the even numbers of a list;filter even numbers|筛选列表中的偶数|items:number[]|[x for x in items if x % 2 == 0]|items.filter((x) => x % 2 === 0)|number[]
""")

# name | English tasks | Chinese task | Python body | JavaScript body | parameters | result type; "\\n" parts lines
BODIES = rows(r"""
factorial|computes the factorial of a number;factorial|计算阶乘;求阶乘|if n <= 1:\n    return 1\nreturn n * factorial(n - 1)|if (n <= 1) return 1;\nreturn n * factorial(n - 1);|n:number|number
fibonacci|computes Fibonacci numbers;returns the nth Fibonacci number;Fibonacci|计算斐波那契数;斐波那契数列|if n < 2:\n    return n\nreturn fibonacci(n - 1) + fibonacci(n - 2)|if (n < 2) return n;\nreturn fibonacci(n - 1) + fibonacci(n - 2);|n:number|number
is_prime|checks if a number is prime;check prime numbers|判断素数;判断质数|if n < 2:\n    return False\nfor i in range(2, n):\n    if n % i == 0:\n        return False\nreturn True|if (n < 2) return false;\nfor (let i = 2; i < n; i++) {\n  if (n % i === 0) return false;\n}\nreturn true;|n:number|boolean
sum_to|sums the numbers from 1 to n;sum from 1 to n|计算1到n的和|total = 0\nfor i in range(1, n + 1):\n    total += i\nreturn total|let total = 0;\nfor (let i = 1; i <= n; i++) total += i;\nreturn total;|n:number|number
gcd|computes the greatest common divisor;greatest common divisor|求最大公约数;计算最大公约数|while b:\n    a, b = b, a % b\nreturn a|while (b) [a, b] = [b, a % b];\nreturn a;|a:number, b:number|number
count_vowels|counts the vowels in a string;count vowels|统计元音字母|count = 0\nfor letter in text:\n    if letter in "aeiou":\n        count += 1\nreturn count|let count = 0;\nfor (const letter of text) {\n  if ("aeiou".includes(letter)) count++;\n}\nreturn count;|text:string|number
average_list|computes the average of a list;average of a list|计算列表的平均值|if not items:\n    return 0\nreturn sum(items) / len(items)|if (items.length === 0) return 0;\nreturn items.reduce((a, b) => a + b, 0) / items.length;|items:number[]|number
clamp|clamps a number between two limits;clamp a number|把数限制在范围内|if x < low:\n    return low\nif x > high:\n    return high\nreturn x|if (x < low) return low;\nif (x > high) return high;\nreturn x;|x:number, low:number, high:number|number
""")

ASK = (
    "Write a {language} function that {does}", "Write a function that {does} in {language}", "{language} function that {does}",
    "function that {does}", "Write a function that {does}", "{language} function to {task}", "{language}: {task}",
)
ASK_ZH = ("用{language}写一个函数：{task}", "写一个{language}函数，{task}", "{language}函数：{task}", "写一个函数，{task}", "用{language}{task}")


def sample(rng: Random) -> Item:
    """A request for a function with its code."""
    language = rng.choice(("en", "en", "zh"))
    programming = rng.choice(LANGUAGES)
    if rng.random() < 0.2:
        name, tasks, tasks_zh, python, javascript, params, result = rng.choice(BODIES)
        code = _function(programming, name, params, result, python, javascript)
    else:
        name, tasks, tasks_zh, params, python, javascript, result = rng.choice(EXPRESSIONS)
        code = _function(programming, name, params, result, f"return {python}", f"return {javascript};")
    ask = rng.choice(ASK_ZH if language == "zh" else ASK)
    if "{language}" not in ask and programming != "Python":
        ask = rng.choice(ASK_ZH[:3] if language == "zh" else ASK[:3])
    choices = (tasks_zh if language == "zh" else tasks).split(";")
    acts = [task for task in choices if task.split()[0].endswith("s") and task.split()[0] not in ("squares",) or language == "zh"]
    task = rng.choice(choices)
    prompt = ask.format(language=programming, does=rng.choice(acts or choices), task=task)
    if language == "en" and rng.random() < 0.1:
        prompt = choose(rng, f"[How do I write a function that {rng.choice(acts or choices)} in {programming}?|Show me a {programming} function that {rng.choice(acts or choices)}]")
    answer = f"```{programming.lower()}\n{code}\n```"
    return Item(USE, language, prompt, answer, f"{programming}/{name}/{ask}", equals=(answer,))


def _function(programming: str, name: str, params: str, result: str, python: str, javascript: str) -> str:
    names = [param.split(":") for param in params.split(", ")]
    if programming == "Python":
        body = python.replace("\\n", "\n    ")
        return f"def {name}({', '.join(n for n, _ in names)}):\n    {body}"
    head, *tail = name.split("_")
    camel = head + "".join(part.capitalize() for part in tail)
    body = javascript.replace("\\n", "\n  ").replace(name, camel)
    if programming == "JavaScript":
        return f"function {camel}({', '.join(n for n, _ in names)}) {{\n  {body}\n}}"
    typed = ", ".join(f"{n}: {kind}" for n, kind in names)
    return f"function {camel}({typed}): {result} {{\n  {body}\n}}"
