//! C programs that wait, built in many ways.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::harness::*;

/// With variables of all kinds, and nothing on the heap. It says that it runs, and waits for the end of standard input.
const WAITS: &str = "
#include <unistd.h>
char filled[300000] = {1};
char zeros[900000];
const char constant[9000] = {1};
char *const relocated[2000] = {filled};
__thread int per_thread = 7;
int main(void) {
    char byte = 'r';
    if (write(1, &byte, 1) != 1) return 1;
    while (read(0, &byte, 1) > 0) {}
    return zeros[4567] + constant[8] + per_thread - 7 + (relocated[0] != filled);
}
";

/// Without a C library, so that nobody has written to its zeros.
const BARE: &str = "
char filled[5000] = {1};
char zeros[30000];
static long call(long number, long a, const void *b, long c) {
#if defined(__x86_64__)
    long answer;
    __asm__ volatile(\"syscall\" : \"=a\"(answer) : \"a\"(number), \"D\"(a), \"S\"(b), \"d\"(c) : \"rcx\", \"r11\", \"memory\");
    return answer;
#elif defined(__aarch64__)
    register long x8 __asm__(\"x8\") = number;
    register long x0 __asm__(\"x0\") = a;
    register const void *x1 __asm__(\"x1\") = b;
    register long x2 __asm__(\"x2\") = c;
    __asm__ volatile(\"svc 0\" : \"+r\"(x0) : \"r\"(x8), \"r\"(x1), \"r\"(x2) : \"memory\");
    return x0;
#endif
}
#if defined(__x86_64__)
enum { READ = 0, WRITE = 1, EXIT = 60 };
#else
enum { READ = 63, WRITE = 64, EXIT = 93 };
#endif
void _start(void) {
    call(WRITE, 1, \"r\", 1);
    volatile char *byte = filled;
    char into;
    while (call(READ, 0, &into, 1) > 0) {}
    call(EXIT, byte[0] - 1, 0, 0);
    for (;;) {}
}
";

/// Something to link with.
const LIBRARY: &str = "
char library_filled[70000] = {1};
char library_zeros[90000];
char *const library_relocated[2000] = {library_filled};
int library(void) { return library_zeros[5]; }
";

const LINKED: &str = "
#include <unistd.h>
int library(void);
int main(void) {
    char byte = 'r';
    if (write(1, &byte, 1) != 1) return 1;
    while (read(0, &byte, 1) > 0) {}
    return library();
}
";

/// How to build a program, and what for.
pub(super) struct Build {
    pub(super) name: &'static str,
    source: &'static str,
    flags: &'static [&'static str],
}

const fn build(name: &'static str, source: &'static str, flags: &'static [&'static str]) -> Build {
    Build { name, source, flags }
}

/// Programs that are mapped in different ways.
pub(super) const BUILDS: &[Build] = &[
    build("pie", WAITS, &["-pie", "-fPIE"]),
    build("fixed", WAITS, &["-no-pie", "-fno-pie"]),
    build("static", WAITS, &["-static", "-no-pie", "-fno-pie"]),
    build("static-pie", WAITS, &["-static-pie", "-fPIE"]),
    build("text-and-constants-together", WAITS, &["-pie", "-fPIE", "-Wl,-z,noseparate-code"]),
    build("pages-of-64K", WAITS, &["-pie", "-fPIE", "-Wl,-z,max-page-size=65536"]),
    build("pages-of-2M", WAITS, &["-pie", "-fPIE", "-Wl,-z,max-page-size=0x200000"]),
    build("fixed-pages-of-2M", WAITS, &["-no-pie", "-fno-pie", "-Wl,-z,max-page-size=0x200000"]),
    build("no-relro", WAITS, &["-pie", "-fPIE", "-Wl,-z,norelro"]),
    build("relro-now", WAITS, &["-pie", "-fPIE", "-Wl,-z,relro,-z,now"]),
    build("stripped", WAITS, &["-pie", "-fPIE", "-s"]),
    build("executable-stack", WAITS, &["-pie", "-fPIE", "-Wl,-z,execstack"]),
    BARE_PROGRAM,
];

/// That without a C library.
pub(super) const BARE_PROGRAM: Build = build(
    "bare",
    BARE,
    &["-static", "-nostdlib", "-no-pie", "-fno-pie", "-fno-stack-protector", "-O1"],
);

/// One that cannot be run.
pub(super) const WITHOUT_INTERPRETER: Build =
    build("without-interpreter", WAITS, &["-pie", "-fPIE", "-Wl,--dynamic-linker=/no/ld.so"]);

/// What the kernel would take for a module, by its sections.
pub(super) const MODULE: Build = build(
    "module.ko",
    "__attribute__((section(\".gnu.linkonce.this_module\"))) int this_module = 1;\n",
    &["-c"],
);

/// The compiler; `None`, and a line that says so, where there is none.
fn compiler() -> Option<Command> {
    let cc = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    match Command::new(&cc).arg("--version").output() {
        Ok(_) => Some(Command::new(cc)),
        Err(error) => {
            testfs::skip(format!("programs that {} builds", cc.display()), error);
            None
        }
    }
}

/// Compile; `None`, and a line that says so, if the compiler cannot do it so.
fn compile(name: &str, source: &Path, out: &Path, flags: &[&str]) -> Option<()> {
    let made = compiler()?.arg("-O0").arg(source).arg("-o").arg(out).args(flags).output().unwrap();
    if !made.status.success() {
        let why = String::from_utf8_lossy(&made.stderr);
        let why = why.lines().last().unwrap_or_default();
        testfs::skip(format!("{name}, which the C compiler cannot build"), why);
        return None;
    }
    Some(())
}

impl Build {
    /// The program, in `dir`.
    pub(super) fn make(&self, dir: &Dir) -> Option<PathBuf> {
        let source = dir.file(format!("{}.c", self.name), self.source.as_bytes());
        let out = dir.path(self.name);
        compile(self.name, &source, &out, self.flags).map(|()| out)
    }
}

/// A library and a program that is linked with it, both in `dir`.
pub(super) fn make_library(dir: &Dir, flags: &[&str]) -> Option<(PathBuf, PathBuf)> {
    let source = dir.file("library.c", LIBRARY.as_bytes());
    let library = dir.path("liblibrary.so");
    let mut all = vec!["-shared", "-fPIC", "-Wl,-soname,liblibrary.so"];
    all.extend(flags);
    compile("a library", &source, &library, &all)?;
    let source = dir.file("linked.c", LINKED.as_bytes());
    let program = dir.path("linked");
    let path = format!("-Wl,-rpath,{}", dir.as_ref().display());
    let library_flag = library.display().to_string();
    compile("a program with a library", &source, &program, &[&library_flag, &path])?;
    Some((library, program))
}

/// A process that waits until this is dropped.
#[derive(Debug)]
pub(super) struct Running(Child);

impl Running {
    /// Start it, and wait until its own code runs.
    pub(super) fn start(program: &Path) -> Self {
        let mut child =
            Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut byte = [0];
        child.stdout.as_mut().unwrap().read_exact(&mut byte).unwrap();
        assert_eq!(&byte, b"r");
        Self(child)
    }

    /// A program that says nothing and waits by itself.
    pub(super) fn quietly(command: &mut Command) -> Self {
        Self(command.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap())
    }

    pub(super) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// Let it end, and say how.
    pub(super) fn end(mut self) -> Option<i32> {
        drop(self.0.stdin.take());
        self.0.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
