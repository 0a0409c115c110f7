//! Invented prompts of many shapes: short, long, code, mathematics, multiple choice, other
//! scripts, nothing at all.

/// Prompts to start from. Between them they have every kind of byte that a feature looks at.
pub(super) const SAMPLES: [&str; 16] = [
    "Hello",
    "Prove that the sum of two odd numbers is even, and say where the proof uses parity.",
    "What is the derivative of x^3 * sin(2x) at x = 0.5? Give 4 decimal places.",
    "Which of these is NOT a noble gas?\n\nA. Neon\nB. Argon\nC. Nitrogen\nD. Krypton\n",
    "fn main() {\n    let mut total = 0u64;\n    for i in 0..1_000 { total += i * i; }\n    println!(\"{total}\");\n}\nWhy does this overflow if u64 becomes u8?",
    "Rewrite this note in a friendly tone: the meeting moved to Tuesday, 14:30, room 212.",
    "",
    "请解释为什么天空是蓝色的，并用一个简单的例子说明。",
    "Find the least n such that n! > 10^{12}, with $n \\in \\mathbb{N}$; show each step, then check it by hand (no calculator).",
    "def f(a, b=[]):\n    b.append(a)\n    return b\n\nExplain the bug; write a test with pytest that fails because of it.",
    "Почему зимой день короче, чем летом? Ответь в двух предложениях.",
    "Who wrote the play? (A) a poet (B) a king (C) both A and B (D) none of the above",
    "   \t\r\n  ...  !?  \"quoted\" -- 'single' __  ",
    "A train leaves at 9:05 and runs 180 km in 2 hours 15 minutes. If it stops twice for 6 minutes, how fast must it go between the stops? Suppose that it speeds up at once. Because the driver is careful, it may not go above 120 km/h; therefore check that too.",
    "SELECT region, SUM(amount) FROM orders WHERE year = 2025 GROUP BY region HAVING SUM(amount) > 1000;",
    "Zażółć gęślą jaźń: how many letters of this carry a mark? 😀 Count them twice.",
];

const WORDS: [&str; 12] = [
    "please", "optimal", "again", "matrix", "budget", "river", "theorem", "however", "server",
    "colour", "estimate", "twelve",
];

/// A long prompt: the samples one after the other.
pub(super) fn long() -> String {
    SAMPLES.join("\n\n")
}

/// Another prompt of the same kind; variation 0 is the prompt itself.
pub(super) fn vary(prompt: &str, number: usize, variation: u32) -> String {
    if variation == 0 {
        return prompt.to_owned();
    }
    let step = number + variation as usize;
    let mut varied = prompt.to_owned();
    for place in 0..=variation as usize % 5 {
        varied.push(' ');
        varied.push_str(WORDS[(step * 5 + place * 7) % WORDS.len()]);
    }
    varied.push_str(&format!(" {}", step * 37 % 1000));
    varied
}
