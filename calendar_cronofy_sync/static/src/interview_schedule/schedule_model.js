/**
 * What the scheduling dialog knows: the answer of the server, the week shown, the slots
 * chosen. Times are shown in the interview's zone.
 */
import {markRaw} from "@odoo/owl";
import {Mutex} from "@web/core/utils/concurrency";

const {DateTime} = luxon;

const FEW = 5;
const SQL = "yyyy-MM-dd HH:mm:ss";

export class ScheduleModel {
    constructor(orm, interviewId) {
        this.orm = orm;
        this.id = interviewId;
        this.data = null;
        this.chosen = [];
        this.loading = false;
        this.week = null;
        // one question after the other: the last answer is that to the last question
        this.mutex = markRaw(new Mutex());
    }

    /** Ask everybody anew. Nothing but this answer is kept, and only here. */
    load() {
        return this.mutex.exec(() => this._load());
    }

    async _load() {
        this.loading = true;
        try {
            this.data = await this.orm.call("hr.interview", "get_schedule", [
                [this.id],
            ]);
        } finally {
            this.loading = false;
        }
        const ids = new Set(this.data.slots.map((slot) => slot.id));
        this.chosen = this.chosen.filter((id) => ids.has(id));
        const first = this.data.slots[0];
        if (first && !(this.week && this.slotsOfWeek.length)) {
            this.week = this.local(first.start).startOf("week");
        } else if (!(this.week >= this.firstWeek && this.week <= this.lastDay)) {
            this.week = this.firstWeek;
        }
    }

    /** Where a range begins on a weekend, this is the week that follows. */
    get firstWeek() {
        return this.firstDay.plus({days: 2}).startOf("week");
    }

    change(values) {
        return this.mutex.exec(async () => {
            await this.orm.write("hr.interview", [this.id], values);
            await this._load();
        });
    }

    setPanels(panels) {
        return this.mutex.exec(async () => {
            await this.orm.call("hr.interview", "action_set_panels", [
                [this.id],
                panels,
            ]);
            await this._load();
        });
    }

    local(text) {
        return DateTime.fromFormat(text, SQL, {zone: "utc"}).setZone(this.data.tz);
    }

    /** The last day of the range: a range that ends at midnight ends the day before. */
    get lastDay() {
        return this.local(this.data.parameters.date_to).minus({seconds: 1});
    }

    get firstDay() {
        return this.local(this.data.parameters.date_from);
    }

    /** So few slots that it is worth saying why, and what would open more. */
    get few() {
        return this.data.slots.length <= FEW;
    }

    toggle(id) {
        this.chosen = this.chosen.includes(id)
            ? this.chosen.filter((other) => other !== id)
            : [...this.chosen, id];
    }

    move(weeks) {
        this.week = this.week.plus({weeks});
    }

    // ------------------------------------------------------------------ the week

    get people() {
        return this.data.people.filter((person) => !person.left_out);
    }

    get slotsOfWeek() {
        const stop = this.week.plus({weeks: 1});
        return this.data.slots.filter((slot) => {
            const start = this.local(slot.start);
            return start >= this.week && start < stop;
        });
    }

    /** From which hour to which the week is drawn: its slots, else everybody's hours. */
    get hours() {
        const stop = this.week.plus({weeks: 1});
        const slots = this.slotsOfWeek.map((slot) => [slot.start, slot.stop]);
        const pairs = slots.length ? slots : this.data.people.flatMap((p) => p.hours);
        let first = 24;
        let last = 0;
        for (const [a, b] of pairs) {
            const [start, end] = [this.local(a), this.local(b)];
            if (end <= this.week || start >= stop) {
                continue;
            }
            const sameDay = start.hasSame(end, "day");
            first = Math.min(first, start.hour);
            last = Math.max(last, sameDay ? end.hour + (end.minute ? 1 : 0) : 24);
        }
        return first < last ? [Math.min(first, 8), Math.max(last, 18)] : [8, 18];
    }

    /** The days of the week that have anything to show. */
    get days() {
        const days = [];
        for (let n = 0; n < 7; n++) {
            const day = this.week.plus({days: n});
            const slots = this.slotsOf(day);
            if (n < 5 || slots.length) {
                days.push({day, slots, lanes: this.lanesOf(day)});
            }
        }
        return days;
    }

    slotsOf(day) {
        return this.slotsOfWeek
            .filter((slot) => this.local(slot.start).hasSame(day, "day"))
            .map((slot) => ({
                ...slot,
                ...this.place(day, slot.start, slot.stop),
                begin: this.clock(slot.start),
                label: this.span(slot.start, slot.stop),
            }));
    }

    /** For each person of the day: busy blocks without titles, or unknown. */
    lanesOf(day) {
        return this.people.map((person) => ({
            person,
            known: this.isKnown(person, day),
            blocks: person.busy
                .filter(
                    ([a, b]) =>
                        this.local(a) < day.endOf("day") &&
                        this.local(b) > day.startOf("day")
                )
                .map(([a, b]) => ({...this.place(day, a, b), label: this.span(a, b)})),
        }));
    }

    /** Is all of the day known? Not every service can tell as far ahead as one likes. */
    isKnown(person, day) {
        return (
            person.known &&
            (!person.until || this.local(person.until) >= day.endOf("day"))
        );
    }

    /** Where in the day's column it lies, in percent. */
    place(day, start, stop) {
        const [first, last] = this.hours;
        const begin = day.startOf("day").plus({hours: first});
        const minutes = (last - first) * 60;
        const at = (text) =>
            Math.min(
                Math.max(this.local(text).diff(begin, "minutes").minutes, 0),
                minutes
            );
        const top = (100 * at(start)) / minutes;
        return {top, height: (100 * at(stop)) / minutes - top};
    }

    clock(text) {
        return this.local(text).toLocaleString(DateTime.TIME_SIMPLE);
    }

    span(start, stop) {
        return `${this.clock(start)} – ${this.clock(stop)}`;
    }
}
