//! What the kernel was told about a mapping, in words; and sizes, short.

use folio::process::{Mapping, Protection, Sharing, VmFlags};

/// Flags that say more than the protection does. Those that are so of nearly every mapping are left out.
const WORDS: [(VmFlags, &str); 26] = [
    (VmFlags::LOCKED, "locked"),
    (VmFlags::SEALED, "sealed"),
    (VmFlags::HUGETLB, "pool of huge pages"),
    (VmFlags::HUGE, "huge pages wanted"),
    (VmFlags::NO_HUGE, "no huge pages"),
    (VmFlags::SEQUENTIAL, "read in sequence"),
    (VmFlags::RANDOM, "read at random"),
    (VmFlags::DONT_FORK, "not for children"),
    (VmFlags::WIPE_ON_FORK, "empty in children"),
    (VmFlags::DONT_DUMP, "not in core dumps"),
    (VmFlags::MERGEABLE, "may be merged"),
    (VmFlags::NO_RESERVE, "no swap reserved"),
    (VmFlags::DROPPABLE, "may be dropped"),
    (VmFlags::GROWS_DOWN, "grows down"),
    (VmFlags::USERFAULT_MISSING, "userfaultfd: missing pages"),
    (VmFlags::USERFAULT_WRITE, "userfaultfd: stores"),
    (VmFlags::USERFAULT_MINOR, "userfaultfd: minor faults"),
    (VmFlags::MAYBE_GUARD, "may have guards"),
    (VmFlags::SYNC, "synchronous"),
    (VmFlags::DEVICE, "a device's memory"),
    (VmFlags::PFN_MAP, "bare frames"),
    (VmFlags::MIXED, "a driver's pages"),
    (VmFlags::SHADOW_STACK, "shadow stack"),
    (VmFlags::TAGGED, "memory tags"),
    (VmFlags::BRANCH_TARGETS, "guarded branches"),
    (VmFlags::ARCHITECTURE, "the architecture's own"),
];

/// What is special about a mapping, in words.
pub(super) fn words(flags: VmFlags, unknown: &[String]) -> Vec<String> {
    let known = WORDS.iter().filter(|(flag, _)| flags.contains(*flag));
    let unknown = unknown.iter().map(|code| format!("flag {code}"));
    known.map(|(_, word)| (*word).to_owned()).chain(unknown).collect()
}

/// As proc_pid_maps(5) writes it: `r-xp`.
pub(super) fn protection(mapping: &Mapping) -> String {
    let letter = |flag, letter| if mapping.protection.contains(flag) { letter } else { '-' };
    [
        letter(Protection::READ, 'r'),
        letter(Protection::WRITE, 'w'),
        letter(Protection::EXEC, 'x'),
        match mapping.sharing {
            Sharing::Shared => 's',
            Sharing::Private => 'p',
        },
    ]
    .into_iter()
    .collect()
}

/// A number of bytes in at most five columns: `132K`, `1.3M`, `1014G`; units count by 1024, nothing is a dash.
pub(super) fn short(bytes: u64) -> String {
    const UNITS: [char; 6] = ['K', 'M', 'G', 'T', 'P', 'E'];
    if bytes == 0 {
        return "-".to_owned();
    }
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    // In tenths, rounded to the nearest: 9.96 is no longer one digit before the point.
    let (mut tenths, mut unit) = ((u128::from(bytes) * 10 + 512) / 1024, 0);
    while tenths >= 10240 && unit + 1 < UNITS.len() {
        tenths = (tenths + 512) / 1024;
        unit += 1;
    }
    let letter = UNITS[unit];
    match tenths {
        0..100 if tenths % 10 > 0 => format!("{}.{}{letter}", tenths / 10, tenths % 10),
        _ => format!("{}{letter}", (tenths + 5) / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_sizes_fit_their_column() {
        for (bytes, text) in [
            (0, "-"),
            (1, "1B"),
            (1023, "1023B"),
            (1024, "1K"),
            (4096, "4K"),
            (132 << 10, "132K"),
            (1 << 20, "1M"),
            ((1 << 20) - 1024, "1023K"),
            (3 << 19, "1.5M"),
            (10 << 20, "10M"),
            ((10 << 20) + (600 << 10), "11M"),
            (1 << 47, "128T"),
            (u64::MAX, "16E"),
        ] {
            assert_eq!(short(bytes), text);
            assert!(text.len() <= 5);
        }
    }

    #[test]
    fn flags_are_told_in_words_and_the_usual_ones_are_not() {
        let usual = VmFlags::READ | VmFlags::WRITE | VmFlags::MAY_READ | VmFlags::ACCOUNTED;
        assert_eq!(words(usual, &[]), Vec::<String>::new());
        let told = words(usual | VmFlags::LOCKED | VmFlags::RANDOM, &["zz".into()]);
        assert_eq!(told, ["locked", "read at random", "flag zz"]);
    }
}
