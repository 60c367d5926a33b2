//! Leases: being told before somebody opens a file; fcntl(2), `F_SETLEASE`.
//!
//! Here every open has `O_NONBLOCK`: a lease in its way makes it fail at once. It begins to *break* the lease all the same;
//! whoever holds it has a time (`/proc/sys/fs/lease-break-time`, 45 s) to give it up, then the kernel takes it.

use crate::allowed::Pattern;
use crate::file::FileId;
use crate::process::{OpenFile, OpenId};
use crate::why::{Stop, Why};
use crate::world::{Answer, Handle, World};
use crate::{Access, Errno, Facility, Lease, rule};

/// A lease on a file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LeaseState {
    pub(crate) open: OpenId,
    kind: Kind,
    breaking: Option<Breaking>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Read,
    Write,
}

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breaking {
    /// That it becomes a read lease: somebody wants to read.
    Downgrade,
    /// That it goes: somebody wants to write.
    Unlock,
}

impl World {
    pub(crate) fn lease(&mut self, why: &mut Why, handle: Handle, lease: Lease) -> Answer {
        let (id, open) = self.descriptor(handle)?;
        if !self.has(open.file, Facility::Leases) {
            let errno = [Errno::EINVAL, Errno::EAGAIN][why.either(2, &rule::NO_LEASES)];
            return Err(Stop::Failed(errno));
        }
        self.expire(why, open.file);
        let kind = match lease {
            Lease::None => return self.drop_lease(why, id, open.file),
            Lease::Read => Kind::Read,
            Lease::Write => Kind::Write,
        };
        let mut others = self.opens.iter().filter(|&(&other, _)| other != id);
        let opened = match kind {
            Kind::Read => {
                open.writes() || others.any(|(_, other)| other.file == open.file && other.writes())
            }
            Kind::Write => others.any(|(_, other)| other.file == open.file),
        };
        if opened {
            return Err(why.refuse(Errno::EAGAIN, &rule::LEASE_OPENED));
        }
        let leases = &mut self.file(open.file).leases;
        let going = |other: &LeaseState| other.breaking == Some(Breaking::Unlock);
        if leases.iter().any(|other| other.open != id && (kind == Kind::Write || going(other))) {
            return Err(why.refuse(Errno::EAGAIN, &rule::LEASE_OTHERS));
        }
        why.so(&rule::LEASE);
        match leases.iter_mut().find(|own| own.open == id) {
            Some(own) => {
                own.kind = kind;
                own.breaking =
                    own.breaking.filter(|&b| kind == Kind::Write || b == Breaking::Unlock);
            }
            None => leases.push(LeaseState { open: id, kind, breaking: None }),
        }
        Ok(Pattern::Done)
    }

    fn drop_lease(&mut self, why: &mut Why, id: OpenId, file: FileId) -> Answer {
        let leases = &mut self.file(file).leases;
        let before = leases.len();
        leases.retain(|lease| lease.open != id);
        if leases.len() == before {
            return Err(why.refuse(Errno::EAGAIN, &rule::LEASE_NONE));
        }
        why.so(&rule::LEASE_DROPPED);
        Ok(Pattern::Done)
    }

    /// What an open that does not wait meets.
    pub(crate) fn break_leases(&mut self, why: &mut Why, open: &OpenFile) -> Result<(), Stop> {
        self.expire(why, open.file);
        let wanted = match open.access {
            Access::Read => Breaking::Downgrade,
            Access::Write | Access::ReadWrite => Breaking::Unlock,
        };
        let mut broken = false;
        for lease in &mut self.file(open.file).leases {
            if wanted == Breaking::Downgrade && lease.kind == Kind::Read {
                continue;
            }
            broken = true;
            if wanted == Breaking::Unlock || lease.breaking.is_none() {
                lease.breaking = Some(wanted);
            }
        }
        if broken {
            return Err(why.refuse(Errno::EAGAIN, &rule::LEASE_BREAKS));
        }
        Ok(())
    }

    /// A lease that is being broken may have been taken by now.
    fn expire(&mut self, why: &mut Why, file: FileId) {
        let leases = &mut self.file(file).leases;
        if leases.iter().any(|lease| lease.breaking.is_some())
            && why.either(2, &rule::LEASE_EXPIRES) == 1
        {
            leases.retain(|lease| lease.breaking != Some(Breaking::Unlock));
            for lease in leases {
                if lease.breaking.take().is_some() {
                    lease.kind = Kind::Read;
                }
            }
        }
    }
}
