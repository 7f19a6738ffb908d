//! The cloud as its callers see it. All time is virtual: nothing here waits.
