//! What each page of a mapping is: the file's, the process's own copy, swapped, not there.

use std::ops::Range;

use folio::process::{Categories, Mapping, Object, PageRun, ProcessPages, Scan};

use super::flags::Via;
use super::look::Mapped;

/// What a page is to a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum PageIs {
    /// The page cache's, or shared memory's.
    TheFiles,
    /// One that the kernel puts into every process: `[vdso]`.
    TheKernels,
    /// Was the file's, and was copied when it was first written.
    Copied,
    /// Memory without a file.
    Anonymous,
    /// The page of zeros, as of memory that was read and never written. Only `PAGEMAP_SCAN` tells it.
    Zeros,
    /// In swap space; of a private mapping of a file: a copy.
    Swapped,
    /// A touch of it is a fault, on purpose.
    Guard,
    /// Not there: the next touch brings it.
    Absent,
}

impl PageIs {
    /// In words for people.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::TheFiles => "the file's",
            Self::TheKernels => "the kernel's",
            Self::Copied => "copied on write",
            Self::Anonymous => "own",
            Self::Zeros => "zeros, never written",
            Self::Swapped => "in swap space",
            Self::Guard => "guard",
            Self::Absent => "not present",
        }
    }

    /// In a word for programs.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::TheFiles => "file",
            Self::TheKernels => "kernel",
            Self::Copied => "copied",
            Self::Anonymous => "anonymous",
            Self::Zeros => "zeros",
            Self::Swapped => "swapped",
            Self::Guard => "guard",
            Self::Absent => "absent",
        }
    }
}

/// Neighbouring pages that are the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pages {
    pub(super) addresses: Range<u64>,
    pub(super) are: PageIs,
}

/// The pages of a mapping, all of them, in order; neighbours differ.
pub(super) fn pages(
    map: &ProcessPages,
    mapped: &Mapped,
    via: Via,
) -> Result<Vec<Pages>, folio::Error> {
    let addresses = mapped.found.mapping.addresses.clone();
    let usage = &mapped.found.usage;
    // Entries would be read for each page of addresses, and there may be terabytes of them with nothing behind.
    let empty = usage.resident + usage.swapped + usage.huge() == 0;
    if via == Via::Text && empty {
        return Ok(vec![Pages { addresses, are: PageIs::Absent }]);
    }
    let seen = Categories::PRESENT | Categories::SWAPPED | Categories::GUARD;
    let scan = Scan {
        any_of: seen,
        report: seen | Categories::FILE | Categories::ZERO,
        ..Scan::default()
    };
    let behind = Behind::of(&mapped.found.mapping);
    Ok(filled(addresses.clone(), map.runs(addresses, scan)?, behind))
}

/// What the pages of a mapping come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Behind {
    File,
    Kernel,
    Nothing,
}

impl Behind {
    fn of(mapping: &Mapping) -> Self {
        match (mapping.file, &mapping.object) {
            (None, Object::Kernel(_)) => Self::Kernel,
            // Huge pages from the pool have a file of the kernel's own behind them, which is nobody's.
            (None, _) | (_, Object::HugeAnonymous) => Self::Nothing,
            (Some(_), _) => Self::File,
        }
    }
}

fn filled(addresses: Range<u64>, runs: Vec<PageRun>, behind: Behind) -> Vec<Pages> {
    let mut all: Vec<Pages> = Vec::new();
    let mut push = |addresses: Range<u64>, are| match all.last_mut() {
        _ if addresses.is_empty() => {}
        Some(last) if last.are == are => last.addresses.end = addresses.end,
        _ => all.push(Pages { addresses, are }),
    };
    let mut at = addresses.start;
    for run in runs {
        push(at..run.addresses.start, PageIs::Absent);
        at = run.addresses.end;
        push(run.addresses, page_is(run.categories, behind));
    }
    push(at..addresses.end, PageIs::Absent);
    all
}

fn page_is(categories: Categories, behind: Behind) -> PageIs {
    match categories {
        guard if guard.contains(Categories::GUARD) => PageIs::Guard,
        swapped if swapped.contains(Categories::SWAPPED) => PageIs::Swapped,
        // To the kernel, whatever is not anonymous is a file's.
        file if file.contains(Categories::FILE) => match behind {
            Behind::Kernel => PageIs::TheKernels,
            Behind::File | Behind::Nothing => PageIs::TheFiles,
        },
        zero if zero.contains(Categories::ZERO) => PageIs::Zeros,
        _ if behind == Behind::File => PageIs::Copied,
        _ => PageIs::Anonymous,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_scan_leaves_out_is_absent() {
        let run = |addresses, categories| PageRun { addresses, categories };
        let present = Categories::PRESENT;
        let runs = vec![
            run(0x2000..0x4000, present | Categories::FILE),
            run(0x4000..0x5000, present),
            run(0x5000..0x6000, Categories::SWAPPED),
            run(0x8000..0x9000, present | Categories::ZERO),
        ];
        let found: Vec<_> = filled(0x1000..0x9000, runs, Behind::File)
            .into_iter()
            .map(|pages| (pages.addresses.start, pages.are))
            .collect();
        assert_eq!(
            found,
            [
                (0x1000, PageIs::Absent),
                (0x2000, PageIs::TheFiles),
                (0x4000, PageIs::Copied),
                (0x5000, PageIs::Swapped),
                (0x6000, PageIs::Absent),
                (0x8000, PageIs::Zeros),
            ]
        );
        let vdso =
            filled(0..0x1000, vec![run(0..0x1000, present | Categories::FILE)], Behind::Kernel);
        assert_eq!(vdso, [Pages { addresses: 0..0x1000, are: PageIs::TheKernels }]);
        assert_eq!(
            filled(0..0x1000, vec![], Behind::Nothing),
            [Pages { addresses: 0..0x1000, are: PageIs::Absent }]
        );
    }
}
