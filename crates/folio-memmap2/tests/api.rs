//! The public surface, item by item with its exact signature, of memmap2 0.9.12 and of this crate: one list that both
//! must compile with.

use std::fmt::Debug;
use std::fs::File;
use std::hash::Hash;
use std::io::{Error, Result};
use std::ops::{Deref, DerefMut};
use std::os::fd::RawFd;
use std::panic::{RefUnwindSafe, UnwindSafe};

/// The list, for the crate of that name.
macro_rules! surface {
    ($test:ident: $krate:ident) => {
        #[test]
        fn $test() {
            use $krate::{
                Advice, MapIfSafeError, Mmap, MmapAsRawDesc, MmapMut, MmapOptions, MmapRaw,
                MmapRawDescriptor, RemapOptions, UncheckedAdvice,
            };
            type F = &'static File;
            type Tried = core::result::Result<Mmap, MapIfSafeError>;

            fn describes<T: MmapAsRawDesc>() {
                let _: fn(&T) -> MmapRawDescriptor = T::as_raw_desc;
            }
            describes::<RawFd>();
            describes::<F>();
            describes::<&std::os::fd::OwnedFd>();

            let _: fn() -> MmapOptions = MmapOptions::new;
            let _: for<'a> fn(&'a mut MmapOptions, u64) -> &'a mut MmapOptions =
                MmapOptions::offset;
            let _: for<'a> fn(&'a mut MmapOptions, usize) -> &'a mut MmapOptions = MmapOptions::len;
            let _: for<'a> fn(&'a mut MmapOptions, Option<u8>) -> &'a mut MmapOptions =
                MmapOptions::huge;
            let setters: [for<'a> fn(&'a mut MmapOptions) -> &'a mut MmapOptions; 4] = [
                MmapOptions::stack,
                MmapOptions::populate,
                MmapOptions::no_reserve_swap,
                MmapOptions::no_probe_handle,
            ];
            let _: [unsafe fn(&MmapOptions, F) -> Result<Mmap>; 3] =
                [MmapOptions::map, MmapOptions::map_exec, MmapOptions::map_copy_read_only];
            let _: [unsafe fn(&MmapOptions, RawFd) -> Result<MmapMut>; 2] =
                [MmapOptions::map_mut, MmapOptions::map_copy];
            let _: fn(&MmapOptions, F) -> Tried = MmapOptions::map_if_safe;
            let _: fn(&MmapOptions) -> Result<MmapMut> = MmapOptions::map_anon;
            let _: [fn(&MmapOptions, F) -> Result<MmapRaw>; 2] =
                [MmapOptions::map_raw, MmapOptions::map_raw_read_only];

            let _: unsafe fn(F) -> Result<Mmap> = Mmap::map;
            let _: fn(F) -> Tried = Mmap::map_if_safe;
            let _: fn(Mmap) -> Result<MmapMut> = Mmap::make_mut;
            let _: unsafe fn(F) -> Result<MmapMut> = MmapMut::map_mut;
            let _: fn(usize) -> Result<MmapMut> = MmapMut::map_anon;
            let _: [fn(MmapMut) -> Result<Mmap>; 2] = [MmapMut::make_read_only, MmapMut::make_exec];
            let _: fn(F) -> Result<MmapRaw> = MmapRaw::map_raw;
            let _: fn(&MmapRaw) -> *const u8 = MmapRaw::as_ptr;
            let _: fn(&MmapRaw) -> *mut u8 = MmapRaw::as_mut_ptr;
            let _: fn(&MmapRaw) -> usize = MmapRaw::len;
            let _: fn(Mmap) -> MmapRaw = MmapRaw::from;
            let _: fn(MmapMut) -> MmapRaw = MmapRaw::from;

            macro_rules! of_each {
                ($map:ident) => {
                    let _: fn(&$map, Advice) -> Result<()> = $map::advise;
                    let _: unsafe fn(&$map, UncheckedAdvice) -> Result<()> = $map::unchecked_advise;
                    let _: fn(&$map, Advice, usize, usize) -> Result<()> = $map::advise_range;
                    let _: unsafe fn(&$map, UncheckedAdvice, usize, usize) -> Result<()> =
                        $map::unchecked_advise_range;
                    let _: [fn(&$map) -> Result<()>; 2] = [$map::lock, $map::unlock];
                    let _: unsafe fn(&mut $map, usize, RemapOptions) -> Result<()> = $map::remap;
                };
            }
            of_each!(Mmap);
            of_each!(MmapMut);
            of_each!(MmapRaw);
            let _: [fn(&MmapMut) -> Result<()>; 2] = [MmapMut::flush, MmapMut::flush_async];
            let _: [fn(&MmapRaw) -> Result<()>; 2] = [MmapRaw::flush, MmapRaw::flush_async];
            let _: [fn(&MmapMut, usize, usize) -> Result<()>; 2] =
                [MmapMut::flush_range, MmapMut::flush_async_range];
            let _: [fn(&MmapRaw, usize, usize) -> Result<()>; 2] =
                [MmapRaw::flush_range, MmapRaw::flush_async_range];

            let _: fn() -> RemapOptions = RemapOptions::new;
            let _: fn(RemapOptions, bool) -> RemapOptions = RemapOptions::may_move;
            let _: [fn(&MapIfSafeError) -> bool; 3] = [
                MapIfSafeError::not_supported,
                MapIfSafeError::not_safe,
                MapIfSafeError::map_failed,
            ];
            let _: fn(MapIfSafeError) -> Error = Error::from;
            let _: fn(Advice) -> bool = Advice::is_supported;
            let _: fn(UncheckedAdvice) -> bool = UncheckedAdvice::is_supported;

            fn any<T: Send + Sync + Unpin + UnwindSafe + RefUnwindSafe>() {}
            any::<Mmap>();
            any::<MmapMut>();
            any::<MmapRaw>();
            any::<MmapOptions>();
            any::<MmapRawDescriptor>();
            fn bytes<T: Deref<Target = [u8]> + AsRef<[u8]> + Debug>() {}
            bytes::<Mmap>();
            bytes::<MmapMut>();
            fn stored<T: DerefMut<Target = [u8]> + AsMut<[u8]>>() {}
            stored::<MmapMut>();
            fn shown<T: Debug>() {}
            shown::<MmapRaw>();
            fn error<T: std::error::Error + Send + Sync + Unpin + Debug>() {}
            error::<MapIfSafeError>();
            fn value<T: Clone + Debug + Default>() {}
            value::<MmapOptions>();
            value::<RemapOptions>();
            fn plain<T: Copy + Debug + Eq + Hash>() {}
            plain::<Advice>();
            plain::<UncheckedAdvice>();
            fn copied<T: Copy>() {}
            copied::<RemapOptions>();

            let mut options = MmapOptions::new();
            setters.iter().for_each(|set| {
                set(&mut options);
            });
            assert!(options.len(1).map_anon().is_ok_and(|map| map.len() == 1));
        }
    };
}

surface!(the_surface_of_memmap2: original);
surface!(the_surface_of_this_crate: memmap2);

static_assertions::assert_not_impl_any!(memmap2::Mmap: Clone, DerefMut, PartialEq<memmap2::Mmap>, Default);
static_assertions::assert_not_impl_any!(memmap2::MmapMut: Clone, PartialEq<memmap2::MmapMut>, Default);
static_assertions::assert_not_impl_any!(memmap2::MmapRaw: Clone, Deref, AsRef<[u8]>);

/// Each piece of advice by its name has the same number, the same Debug form and the same answer of the kernel.
#[test]
fn advice_has_the_same_numbers() {
    macro_rules! same {
        ($type:ident: $($name:ident)*) => {$(
            let (theirs, ours) = (original::$type::$name, memmap2::$type::$name);
            assert_eq!(theirs as i32, ours as i32);
            assert_eq!(format!("{theirs:?}"), format!("{ours:?}"));
            assert_eq!(theirs.is_supported(), ours.is_supported());
        )*};
    }
    same!(Advice: Normal Random Sequential WillNeed DontFork DoFork Mergeable Unmergeable HugePage NoHugePage DontDump
        DoDump HwPoison PopulateRead PopulateWrite);
    same!(UncheckedAdvice: DontNeed Free Remove);
    // Nothing is left out: both are matched in full.
    let all = |advice: original::Advice| match advice {
        original::Advice::Normal
        | original::Advice::Random
        | original::Advice::Sequential
        | original::Advice::WillNeed
        | original::Advice::DontFork
        | original::Advice::DoFork
        | original::Advice::Mergeable
        | original::Advice::Unmergeable
        | original::Advice::HugePage
        | original::Advice::NoHugePage
        | original::Advice::DontDump
        | original::Advice::DoDump
        | original::Advice::HwPoison
        | original::Advice::PopulateRead
        | original::Advice::PopulateWrite => true,
    };
    assert!(all(original::Advice::Normal));
}

/// What `{:?}` prints, but for the address.
#[test]
fn debug_forms_are_the_same() {
    let bare = |text: String| {
        let start = text.find("0x").unwrap_or(text.len());
        let end = text[start..].find(',').map_or(text.len(), |end| start + end);
        format!("{}{}", &text[..start], &text[end..])
    };
    let theirs = original::MmapMut::map_anon(5).unwrap();
    let ours = memmap2::MmapMut::map_anon(5).unwrap();
    assert_eq!(bare(format!("{theirs:?}")), bare(format!("{ours:?}")));
    assert_eq!(bare(format!("{theirs:#?}")), bare(format!("{ours:#?}")));
    let (theirs, ours) = (theirs.make_read_only().unwrap(), ours.make_read_only().unwrap());
    assert_eq!(bare(format!("{theirs:?}")), bare(format!("{ours:?}")));
    let (theirs, ours) = (original::MmapRaw::from(theirs), memmap2::MmapRaw::from(ours));
    assert_eq!(bare(format!("{theirs:?}")), bare(format!("{ours:?}")));
    let mut theirs = original::MmapOptions::new();
    let mut ours = memmap2::MmapOptions::new();
    theirs.offset(7).len(8).huge(None).stack().populate().no_reserve_swap().no_probe_handle();
    ours.offset(7).len(8).huge(None).stack().populate().no_reserve_swap().no_probe_handle();
    assert_eq!(format!("{theirs:?}"), format!("{ours:?}"));
    let (theirs, ours) =
        (original::RemapOptions::new().may_move(true), memmap2::RemapOptions::new().may_move(true));
    assert_eq!(format!("{theirs:?}"), format!("{ours:?}"));
    let file = tempfile::tempfile().unwrap();
    let theirs = original::Mmap::map_if_safe(&file).unwrap_err();
    let ours = memmap2::Mmap::map_if_safe(&file).unwrap_err();
    assert_eq!(format!("{theirs:?} {theirs}"), format!("{ours:?} {ours}"));
}

#[cfg(feature = "stable_deref_trait")]
static_assertions::assert_impl_all!(memmap2::Mmap: stable_deref_trait::StableDeref);
#[cfg(feature = "stable_deref_trait")]
static_assertions::assert_impl_all!(memmap2::MmapMut: stable_deref_trait::StableDeref);
