import {Component, onWillStart, onWillUnmount, useRef, useState} from "@odoo/owl";
import {_t} from "@web/core/l10n/translation";
import {MultiRecordSelector} from "@web/core/record_selectors/multi_record_selector";
import {registry} from "@web/core/registry";
import {useService} from "@web/core/utils/hooks";
import {standardActionServiceProps} from "@web/webclient/actions/action_service";
import {ScheduleModel} from "./schedule_model";

/** The dialog in which a recruiter finds a time, and books or offers it. */
export class InterviewSchedule extends Component {
    static template = "calendar_cronofy_sync.InterviewSchedule";
    static components = {MultiRecordSelector};
    static props = {...standardActionServiceProps};

    setup() {
        this.orm = useService("orm");
        this.action = useService("action");
        this.notification = useService("notification");
        this.week = useRef("week");
        this.model = useState(
            new ScheduleModel(this.orm, this.props.action.params.interview_id)
        );
        this.state = useState({hold: false, asked: []});
        onWillStart(async () => {
            await this.model.load();
            this.state.hold = this.parameters.hold;
        });
        // what was found and not used tells when people are busy
        onWillUnmount(() =>
            this.orm.silent.call("hr.interview", "action_forget_search", [
                [this.model.id],
            ])
        );
    }

    get parameters() {
        return this.model.data.parameters;
    }

    get domain() {
        return [["share", "=", false]];
    }

    get weekTitle() {
        const format = {day: "numeric", month: "long"};
        const stop = this.model.week.plus({days: 6});
        return `${this.model.week.toLocaleString(format)} – ${stop.toLocaleString({
            ...format,
            year: "numeric",
        })}`;
    }

    get hourMarks() {
        const [first, last] = this.model.hours;
        const marks = [];
        for (let hour = first; hour <= last; hour++) {
            marks.push({
                hour,
                top: (100 * (hour - first)) / (last - first),
                label: this.model.week.set({hour: hour % 24}).toLocaleString({
                    hour: "numeric",
                    minute: "numeric",
                }),
            });
        }
        return marks;
    }

    dayTitle(day) {
        return day.toLocaleString({weekday: "short", day: "numeric", month: "numeric"});
    }

    slotLabel(day, slot) {
        return _t("%(day)s, %(time)s, free: %(names)s", {
            day: day.toLocaleString({weekday: "long", day: "numeric", month: "long"}),
            time: slot.label,
            names: slot.names.join(", "),
        });
    }

    laneLabel(lane) {
        if (!lane.known) {
            return _t("%s: not known when free", lane.person.name);
        }
        const busy = lane.blocks.map((block) => block.label).join(", ");
        return busy
            ? _t("%(name)s is busy: %(times)s", {name: lane.person.name, times: busy})
            : _t("%s has no entries", lane.person.name);
    }

    panelTitle(panel) {
        return panel.required && panel.required < panel.user_ids.length
            ? _t("%(needed)s of these %(count)s", {
                  needed: panel.required,
                  count: panel.user_ids.length,
              })
            : _t("All of these");
    }

    slotCount(count) {
        return count === 1 ? _t("1 slot") : _t("%s slots", count);
    }

    get offerLabel() {
        switch (this.model.chosen.length) {
            case 0:
                return _t("Offer any free slot");
            case 1:
                return _t("Offer the chosen slot");
            default:
                return _t("Offer %s chosen slots", this.model.chosen.length);
        }
    }

    /** Only the slot that has the keyboard, or the first one, is reached by Tab. */
    tabindex(slot) {
        const slots = this.model.slotsOfWeek;
        const current = slots.some((other) => other.id === this.state.current)
            ? this.state.current
            : slots[0].id;
        return slot.id === current ? 0 : -1;
    }

    // ------------------------------------------------------------------ what changes

    set(name, ev) {
        const target = ev.target;
        const value = target.type === "checkbox" ? target.checked : target.value;
        const number = ["number"].includes(target.type) || target.dataset.number;
        if (number && !(Number(value) >= 0 && value !== "")) {
            return;
        }
        return this.model.change({[name]: number ? Number(value) : value});
    }

    get panels() {
        return this.parameters.panels.map(({user_ids, required}) => ({
            user_ids,
            required,
        }));
    }

    setPanelUsers(index, userIds) {
        const panels = this.panels;
        panels[index].user_ids = userIds;
        return this.model.setPanels(panels);
    }

    setPanelRequired(index, ev) {
        const panels = this.panels;
        panels[index].required = Number(ev.target.value);
        return this.model.setPanels(panels);
    }

    addPanel() {
        return this.model.setPanels([...this.panels, {user_ids: [], required: 0}]);
    }

    removePanel(index) {
        return this.model.setPanels(this.panels.filter((_panel, n) => n !== index));
    }

    leaveOut(person, out) {
        const command = out ? [4, person.id] : [3, person.id];
        return this.model.change({left_out_user_ids: [command]});
    }

    async askToConnect(person) {
        await this.orm.call("hr.interview", "action_ask_to_connect", [
            [this.model.id],
            person.id,
        ]);
        this.state.asked.push(person.id);
        this.notification.add(_t("%s has been asked to connect.", person.name), {
            type: "success",
        });
    }

    relax(relaxation) {
        return this.model.change(relaxation.values);
    }

    choose(slot) {
        this.state.current = slot.id;
        this.model.toggle(slot.id);
    }

    /** Arrow keys walk through the week: up and down in a day, left and right by days. */
    onKeydown(ev, slot) {
        const days = this.model.days.filter((day) => day.slots.length);
        const column = days.findIndex((day) => day.slots.some((s) => s.id === slot.id));
        const row = days[column].slots.findIndex((s) => s.id === slot.id);
        const steps = {
            ArrowUp: [0, -1],
            ArrowDown: [0, 1],
            ArrowLeft: [-1, 0],
            ArrowRight: [1, 0],
        };
        const step = steps[ev.key];
        if (!step) {
            return;
        }
        ev.preventDefault();
        const target = days[column + step[0]];
        const next =
            target && target.slots[Math.min(row + step[1], target.slots.length - 1)];
        if (next) {
            this.state.current = next.id;
            this.week.el.querySelector(`[data-slot="${next.id}"]`).focus();
        }
    }

    // ------------------------------------------------------------------ what is done

    async book() {
        try {
            await this.orm.call("hr.interview", "action_book", [
                [this.model.id],
                this.model.chosen[0],
            ]);
        } catch (error) {
            await this.model.load(); // show what is still free, then say why
            throw error;
        }
        this.notification.add(_t("The interview is booked."), {type: "success"});
        await this.action.doAction({type: "ir.actions.act_window_close"});
        await this.action.doAction({type: "ir.actions.client", tag: "soft_reload"});
    }

    async offer() {
        const chosen = this.model.chosen.length ? [...this.model.chosen] : null;
        const composer = await this.orm.call("hr.interview", "action_offer", [
            [this.model.id],
            chosen,
            this.state.hold,
        ]);
        await this.action.doAction({type: "ir.actions.act_window_close"});
        await this.action.doAction(composer, {
            onClose: () =>
                this.action.doAction({type: "ir.actions.client", tag: "soft_reload"}),
        });
    }
}

registry
    .category("actions")
    .add("calendar_cronofy_sync.interview_schedule", InterviewSchedule);
