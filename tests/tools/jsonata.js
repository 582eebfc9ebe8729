// Evaluates JSONata as Step Functions does, and validates state machines. Each line of the input is a request in JSON:
// {"expression": …, "states": …} or {"machine": …}; each line of the output is its answer. `modules` is the first argument.
const modules = process.argv[2];
const jsonata = require(`${modules}/jsonata`);
const validate = require(`${modules}/asl-validator`);

async function answer(request) {
  if (request.machine) return validate(request.machine);
  const query = jsonata(request.expression);
  query.registerFunction("parse", (text) => JSON.parse(text)); // a function of Step Functions' own
  const value = await query.evaluate(undefined, {states: request.states});
  return value === undefined ? {missing: true} : {value};
}

(async () => {
  for await (const line of require("readline").createInterface({input: process.stdin})) {
    let told;
    try {
      told = await answer(JSON.parse(line));
    } catch (error) {
      told = {error: String(error.message ?? error)};
    }
    console.log(JSON.stringify(told));
  }
})();
