//! One program's file and mapping, for each of the two crates.

/// A module with a `Machine` that is made of the crate of that name.
macro_rules! machine {
    ($name:ident: $krate:ident) => {
        pub(crate) mod $name {
            use std::fs::File;
            use std::io;
            use std::os::unix::fs::FileExt;
            use std::path::Path;

            use $krate::{
                Advice, Mmap, MmapMut, MmapOptions, MmapRaw, RemapOptions, UncheckedAdvice,
            };

            use crate::op::{Kind, Op, Opened, Outcome, Start};

            const ADVICE: [Advice; 14] = [
                Advice::Normal,
                Advice::Random,
                Advice::Sequential,
                Advice::WillNeed,
                Advice::DontFork,
                Advice::DoFork,
                Advice::Mergeable,
                Advice::Unmergeable,
                Advice::HugePage,
                Advice::NoHugePage,
                Advice::DontDump,
                Advice::DoDump,
                Advice::PopulateRead,
                Advice::PopulateWrite,
            ];
            const UNCHECKED: [UncheckedAdvice; 3] =
                [UncheckedAdvice::DontNeed, UncheckedAdvice::Free, UncheckedAdvice::Remove];

            enum Map {
                Read(Mmap),
                Write(MmapMut),
                Raw(MmapRaw),
            }

            pub(crate) struct Machine {
                file: File,
                start: Start,
                map: Option<Map>,
            }

            impl Machine {
                /// The file, and what came of mapping it.
                pub(crate) fn start(folder: &Path, start: &Start) -> (Self, Outcome) {
                    let path = folder.join(stringify!($name));
                    let content: Vec<u8> =
                        (1..=251u8).cycle().take(start.file_len).collect();
                    std::fs::write(&path, content).unwrap();
                    let file = match start.opened {
                        Opened::ReadOnly => File::open(&path),
                        Opened::WriteOnly => File::options().write(true).open(&path),
                        Opened::ReadWrite => File::options().read(true).write(true).open(&path),
                    };
                    let file = file.unwrap();
                    let mut machine = Self { file, start: start.clone(), map: None };
                    let outcome = match machine.map() {
                        Ok(map) => {
                            machine.map = Some(map);
                            machine.seen()
                        }
                        Err(error) => error.into(),
                    };
                    (machine, outcome)
                }

                fn map(&self) -> io::Result<Map> {
                    let mut options = MmapOptions::new();
                    options.offset(self.start.offset);
                    if let Some(len) = self.start.len {
                        options.len(len);
                    }
                    if self.start.populate {
                        options.populate();
                    }
                    if self.start.no_reserve {
                        options.no_reserve_swap();
                    }
                    let file = &self.file;
                    // SAFETY: the file is this program's own, and it takes no slice that lives while it is written to.
                    unsafe {
                        match self.start.kind {
                            Kind::Map => options.map(file).map(Map::Read),
                            Kind::MapExec => options.map_exec(file).map(Map::Read),
                            Kind::MapMut => options.map_mut(file).map(Map::Write),
                            Kind::MapCopy => options.map_copy(file).map(Map::Write),
                            Kind::MapCopyReadOnly => {
                                options.map_copy_read_only(file).map(Map::Read)
                            }
                            Kind::MapIfSafe => {
                                options.map_if_safe(file).map(Map::Read).map_err(Into::into)
                            }
                            Kind::MapRaw => options.map_raw(file).map(Map::Raw),
                            Kind::MapRawReadOnly => options.map_raw_read_only(file).map(Map::Raw),
                            Kind::MapAnon => options.map_anon().map(Map::Write),
                        }
                    }
                }

                /// The bytes that can be touched without a fault in memmap2: those of the file.
                fn there(&self, len: usize) -> usize {
                    if matches!(self.start.kind, Kind::MapAnon) {
                        return len.min(100_000);
                    }
                    let end = self.file.metadata().unwrap().len();
                    let there = end.saturating_sub(self.start.offset);
                    len.min(usize::try_from(there).unwrap())
                }

                fn seen(&self) -> Outcome {
                    let (seen, len) = match self.map.as_ref() {
                        None => return Outcome::NoMapping,
                        Some(Map::Read(map)) => (map[..self.there(map.len())].to_vec(), map.len()),
                        Some(Map::Write(map)) => (map[..self.there(map.len())].to_vec(), map.len()),
                        Some(Map::Raw(map)) => {
                            let there = self.there(map.len());
                            // SAFETY: nobody else touches the file meanwhile.
                            let bytes = unsafe { std::slice::from_raw_parts(map.as_ptr(), there) };
                            (bytes.to_vec(), map.len())
                        }
                    };
                    Outcome::Done { len, seen }
                }

                /// Do `op`; what is to be seen afterwards.
                pub(crate) fn step(&mut self, op: &Op) -> Outcome {
                    let Some(map) = self.map.take() else { return Outcome::NoMapping };
                    let (map, answer) = self.carry_out(map, op);
                    self.map = map;
                    match answer {
                        None => Outcome::NoSuchMethod,
                        Some(Ok(())) => self.seen(),
                        Some(Err(error)) => error.into(),
                    }
                }

                fn carry_out(&self, map: Map, op: &Op) -> (Option<Map>, Option<io::Result<()>>) {
                    let (map, answer) = match (map, op) {
                        (Map::Read(map), Op::MakeMut) => (map.make_mut().map(Map::Write), ()),
                        (Map::Write(map), Op::MakeReadOnly) => {
                            (map.make_read_only().map(Map::Read), ())
                        }
                        (Map::Write(map), Op::MakeExec) => (map.make_exec().map(Map::Read), ()),
                        (Map::Read(map), Op::IntoRaw) => (Ok(Map::Raw(map.into())), ()),
                        (Map::Write(map), Op::IntoRaw) => (Ok(Map::Raw(map.into())), ()),
                        (mut map, op) => {
                            let answer = self.ask(&mut map, op);
                            return (Some(map), answer);
                        }
                    };
                    let () = answer;
                    match map {
                        Ok(map) => (Some(map), Some(Ok(()))),
                        Err(error) => (None, Some(Err(error))),
                    }
                }

                fn ask(&self, map: &mut Map, op: &Op) -> Option<io::Result<()>> {
                    macro_rules! each {
                        ($bound:ident => $call:expr) => {
                            match map {
                                Map::Read($bound) => $call,
                                Map::Write($bound) => $call,
                                Map::Raw($bound) => $call,
                            }
                        };
                    }
                    // SAFETY: no slice of the mapping lives now.
                    let answer = unsafe {
                        match *op {
                            Op::Store { at, byte } => {
                                let Map::Write(map) = map else { return None };
                                let there = self.there(map.len());
                                map[..there].get_mut(at).map(|place| *place = byte);
                                Ok(())
                            }
                            Op::Flush => match map {
                                Map::Read(_) => return None,
                                Map::Write(map) => map.flush(),
                                Map::Raw(map) => map.flush_async(),
                            },
                            Op::FlushRange { offset, len, wait } => match (map, wait) {
                                (Map::Read(_), _) => return None,
                                (Map::Write(map), true) => map.flush_range(offset, len),
                                (Map::Write(map), false) => map.flush_async_range(offset, len),
                                (Map::Raw(map), true) => map.flush_range(offset, len),
                                (Map::Raw(map), false) => map.flush_async_range(offset, len),
                            },
                            Op::Advise(advice) => each!(map => map.advise(ADVICE[advice])),
                            Op::AdviseRange { advice, offset, len } => {
                                each!(map => map.advise_range(ADVICE[advice], offset, len))
                            }
                            Op::Unchecked(advice) => {
                                each!(map => map.unchecked_advise(UNCHECKED[advice]))
                            }
                            Op::UncheckedRange { advice, offset, len } => {
                                each!(map => map.unchecked_advise_range(UNCHECKED[advice], offset, len))
                            }
                            Op::Lock => each!(map => map.lock()),
                            Op::Unlock => each!(map => map.unlock()),
                            Op::Remap { len, may_move } => {
                                let how = RemapOptions::new().may_move(may_move);
                                each!(map => map.remap(len, how))
                            }
                            Op::WriteFile { at, byte } => {
                                // Only what is there: whether a hole is made is not what is asked.
                                if at < self.file.metadata().unwrap().len() {
                                    return Some(self.file.write_at(&[byte], at).map(|_| ()));
                                }
                                Ok(())
                            }
                            Op::MakeMut | Op::MakeReadOnly | Op::MakeExec | Op::IntoRaw => {
                                return None;
                            }
                        }
                    };
                    Some(answer)
                }

                /// The length of the mapping.
                pub(crate) fn len(&self) -> usize {
                    match &self.map {
                        None => 0,
                        Some(Map::Read(map)) => map.len(),
                        Some(Map::Write(map)) => map.len(),
                        Some(Map::Raw(map)) => map.len(),
                    }
                }

                /// The file's bytes, whoever stored them.
                pub(crate) fn content(&self, folder: &Path) -> Vec<u8> {
                    std::fs::read(folder.join(stringify!($name))).unwrap()
                }
            }
        }
    };
}

machine!(theirs: original);
machine!(ours: memmap2);
