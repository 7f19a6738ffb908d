//! What a step brought up, below its line: what it waited for, its images, and where it made a name lead.

use crate::report::{
    layout::{Page, TIME, fit},
    timeline::StepTime,
    words,
};

/// Objects shown of a step; the JSON document has them all.
const OBJECTS: usize = 3;
/// The widest that the name of an object gets.
const WIDEST_OBJECT: usize = 40;

impl Page {
    /// Adds what a reader wants to know of a step that brought something up.
    pub(super) fn deployed(&mut self, step: &StepTime) {
        let all = step.slowest_objects();
        for object in all.iter().take(OBJECTS) {
            let time = words::time(words::ready_after(step, object));
            let name = fit(&object.object, WIDEST_OBJECT);
            let text = format!("{name}: {}", words::object(object));
            self.hanging(&format!("            {time:>TIME$}  "), &text);
        }
        if let Some(more @ 1..) = all.len().checked_sub(OBJECTS) {
            self.hanging(&format!("            {:>TIME$}  ", ""), &format!("and {more} more"));
        }
        for lacking in words::lacking(step) {
            self.hanging("            - ", &lacking);
        }
        if let Some(traffic) = &step.traffic {
            self.hanging("            ", &words::traffic(traffic));
        }
    }
}
