import {describe, expect, test} from "@odoo/hoot";
import {ScheduleModel} from "@calendar_cronofy_sync/interview_schedule/schedule_model";

describe.current.tags("headless");

/** A Monday in Berlin, where it is two hours later than UTC. */
const ANSWER = {
    tz: "Europe/Berlin",
    parameters: {date_from: "2026-06-01 06:00:00", date_to: "2026-06-05 22:00:00"},
    slots: [
        {id: 1, start: "2026-06-01 07:00:00", stop: "2026-06-01 08:00:00", names: []},
        {id: 2, start: "2026-06-02 14:00:00", stop: "2026-06-02 15:00:00", names: []},
    ],
    people: [
        {
            id: 7,
            name: "Ann",
            known: true,
            left_out: false,
            busy: [["2026-06-01 08:00:00", "2026-06-01 10:00:00"]],
            hours: [["2026-06-01 06:00:00", "2026-06-01 16:00:00"]],
        },
        {id: 8, name: "Bob", known: false, left_out: true, busy: [], hours: []},
    ],
};

async function loaded() {
    const calls = [];
    const answer = structuredClone(ANSWER);
    const orm = {
        call: async (model, method) => {
            calls.push(method);
            return structuredClone(answer);
        },
        write: async (model, ids, values) => calls.push(values),
    };
    const model = new ScheduleModel(orm, 5);
    await model.load();
    return {model, calls, answer};
}

test("the week begins with the first slot, in the interview's zone", async () => {
    const {model} = await loaded();
    expect(model.week.toISODate()).toBe("2026-06-01");
    expect(model.hours).toEqual([8, 18]);
    expect(model.days.length).toBe(5);
    expect(model.days[0].slots[0].top).toBe(10);
    expect(model.days[0].slots[0].height).toBe(10);
    expect(model.lastDay.toISODate()).toBe("2026-06-05");
});

test("behind what a calendar can tell nobody is shown as free", async () => {
    const {model} = await loaded();
    model.data.people[0].until = "2026-06-03 00:00:00";
    expect(model.days.map(({lanes}) => lanes[0].known)).toEqual([
        true,
        true,
        false,
        false,
        false,
    ]);
});

test("busy blocks lie in the lane of their person; who is left out has none", async () => {
    const {model} = await loaded();
    const [lane] = model.days[0].lanes;
    expect(model.days[0].lanes.length).toBe(1);
    expect(lane.person.name).toBe("Ann");
    expect(lane.blocks[0].top).toBe(20);
    expect(lane.blocks[0].height).toBe(20);
    expect(model.days[1].lanes[0].blocks).toEqual([]);
});

test("a choice survives a new search while its slot does", async () => {
    const {model, calls} = await loaded();
    model.toggle(1);
    model.toggle(2);
    model.toggle(1);
    expect(model.chosen).toEqual([2]);
    await model.change({duration: 30});
    expect(calls).toEqual(["get_schedule", {duration: 30}, "get_schedule"]);
    expect(model.chosen).toEqual([2]);
});

test("the week stays while nothing is free, if the range still reaches it", async () => {
    const {model, answer} = await loaded();
    Object.assign(answer, {slots: []});
    answer.parameters.date_from = "2026-05-30 06:00:00";
    await model.load();
    expect(model.week.toISODate()).toBe("2026-06-01");
    answer.parameters = {
        date_from: "2026-06-06 06:00:00",
        date_to: "2026-06-12 22:00:00",
    };
    await model.load();
    expect(model.week.toISODate()).toBe("2026-06-08");
});
