// Tests wait for conditions, never for time.

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Asks until the condition is true; an exception counts as "not yet", and the last one is part of the complaint.
// Generous, because a busy machine is many times slower, and a test that passes never waits it out.
export async function wait_until(description, condition, timeout_ms = 60_000) {
    const end = Date.now() + timeout_ms;
    for (;;) {
        let complaint = "";
        try {
            if (await condition()) return;
        } catch (error) {
            complaint = ": " + error.message;
        }
        if (Date.now() >= end) throw new Error(`waited ${timeout_ms} ms in vain until ${description}${complaint}`);
        await sleep(50);
    }
}

// For the rare promise that something does not happen.
export async function holds_for(duration_ms, condition) {
    const end = Date.now() + duration_ms;
    while (Date.now() < end) {
        if (!(await condition())) return false;
        await sleep(20);
    }
    return true;
}
