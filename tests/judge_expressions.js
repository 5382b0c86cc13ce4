// Reads [[source, flags], ..] and writes what recheck says of each. Run by tests/unit/test_expressions.py.
const { recheck } = await import(Deno.args[0]);
const expressions = JSON.parse(await new Response(Deno.stdin.readable).text());
const words = expressions.map(([source, flags]) => {
    const found = recheck.checkSync(source, flags, { timeout: 120000, randomSeed: 1 });
    if (found.status === "safe") return found.complexity.type;
    return `${found.complexity?.summary ?? found.error.kind}, by ${found.checker}: ${found.attack?.pattern.slice(0, 60) ?? ""}`;
});
console.log(JSON.stringify(words));
