//! Which versions there are.

use super::hello::{PROTOCOL, RESUMES, version};

#[test]
fn there_is_one_version_which_may_resume() {
    assert_eq!((version(PROTOCOL), version(PROTOCOL | RESUMES)), (Some(false), Some(true)));
    for other in [0, 2, RESUMES, 2 | RESUMES, u16::MAX] {
        assert_eq!(version(other), None, "{other:#06x}");
    }
}
