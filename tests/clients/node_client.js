// node-postgres: simple and parameterised queries, prepared statements, errors, notifications.
const assert = require("assert");
const { Client } = require(process.argv[3] + "/node_modules/pg");

async function main() {
  const client = new Client({ connectionString: process.argv[2] });
  await client.connect();
  assert.deepStrictEqual((await client.query("SELECT 1 AS one, 'a' AS word")).rows, [{ one: 1, word: "a" }]);
  const typed = await client.query("SELECT $1::int4 AS n, $2::text AS t, $3::bool AS b", [7, "ä", true]);
  assert.deepStrictEqual(typed.rows, [{ n: 7, t: "ä", b: true }]);
  await client.query("CREATE TABLE things (id int PRIMARY KEY, word text)");
  for (let id = 0; id < 10; id++) {
    await client.query({ name: "insert", text: "INSERT INTO things VALUES ($1, $2)", values: [id, `w${id}`] });
  }
  const all = await client.query("SELECT count(*)::int AS n FROM things");
  assert.strictEqual(all.rows[0].n, 10);
  await assert.rejects(client.query("INSERT INTO things VALUES (0, 'again')"), { code: "23505" });
  await client.query("BEGIN");
  await client.query("DELETE FROM things");
  await client.query("ROLLBACK");
  assert.strictEqual((await client.query("SELECT * FROM things")).rowCount, 10);
  const heard = new Promise((resolve) => client.on("notification", resolve));
  await client.query("LISTEN news");
  await client.query("NOTIFY news, 'hello'");
  assert.strictEqual((await heard).payload, "hello");
  await client.end();
  console.log("ok");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
