//! What a compiled program is made for: machine, loader, libraries.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use ::elf::abi;
use ::elf::dynamic::DynamicTable;
use ::elf::endian::AnyEndian;
use ::elf::file::{Class, FileHeader, parse_ident};
use ::elf::parse::ParseError;
use ::elf::segment::{ProgramHeader, SegmentTable};

/// The parts of an ELF header that decide whether the kernel can start it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elf {
    /// 32 or 64.
    #[serde(default = "sixty_four")]
    pub class: u8,
    /// Machine as uname(2) spells it where there is one (`x86_64`, `aarch64`),
    /// else `machine-NUMBER`.
    pub machine: String,
    /// The loader named in PT_INTERP; none for a static program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interpreter: Option<String>,
    /// Libraries named in DT_NEEDED.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needed: Vec<String>,
    /// Directories of DT_RUNPATH, else DT_RPATH, unexpanded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runpath: Vec<String>,
}

fn sixty_four() -> u8 {
    64
}

/// Why an ELF file could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ElfError {
    /// Reading the file failed.
    #[error("{0}")]
    Io(io::Error),
    /// The file ends inside its own headers.
    #[error("the ELF file is cut off: its {0} lies beyond its end")]
    CutOff(&'static str),
    /// A header says something no loader accepts.
    #[error("the ELF file is damaged: {0}")]
    Damaged(String),
}

impl From<ParseError> for ElfError {
    fn from(error: ParseError) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Caps on what a header may make us read. Real programs stay far below.
const MAX_SEGMENTS: u16 = 1024;
const MAX_INTERPRETER: u64 = 4096;
const MAX_DYNAMIC: u64 = 256 << 10;
const MAX_NEEDED: usize = 1024;
const MAX_STRING: usize = 4096;

const IDENT: usize = abi::EI_NIDENT;

/// Bytes that can be read at an offset.
pub trait ReadAt {
    /// Up to `len` bytes at `offset`; fewer only at the end.
    ///
    /// # Errors
    ///
    /// What reading gives.
    fn read_at_most(&self, offset: u64, len: usize) -> io::Result<Vec<u8>>;
}

impl ReadAt for [u8] {
    fn read_at_most(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let end = start.saturating_add(len).min(self.len());
        Ok(self[start..end].to_vec())
    }
}

impl ReadAt for File {
    fn read_at_most(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let mut filled = 0;
        // Beyond i64::MAX the kernel answers EINVAL; there is nothing there.
        while filled < len {
            let Some(at) = offset.checked_add(filled as u64).filter(|at| *at <= i64::MAX as u64) else {
                break;
            };
            match self.read_at(&mut bytes[filled..], at) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }
}

/// Reads the headers of an ELF file; none when the magic says it is no ELF.
///
/// Only headers and the tables of the loader are read, each with a cap, so a
/// hostile file costs no more memory than a program.
///
/// # Errors
///
/// When it calls itself ELF and cannot be understood, or reading fails.
pub fn parse<R: ReadAt + ?Sized>(source: &R) -> Result<Option<Elf>, ElfError> {
    let head = source.read_at_most(0, 64).map_err(ElfError::Io)?;
    if !head.starts_with(&abi::ELFMAGIC) {
        return Ok(None);
    }
    let ident = head.get(..IDENT).ok_or(ElfError::CutOff("header"))?;
    let ident = parse_ident::<AnyEndian>(ident)?;
    let tail_len = match ident.1 {
        Class::ELF32 => 36,
        Class::ELF64 => 48,
    };
    let tail = head.get(IDENT..IDENT + tail_len).ok_or(ElfError::CutOff("header"))?;
    let header = FileHeader::parse_tail(ident, tail)?;

    let segments = segments(source, &header)?;
    let mut parsed = Elf {
        class: if header.class == Class::ELF64 { 64 } else { 32 },
        machine: machine_name(header.e_machine, header.class, header.endianness),
        interpreter: None,
        needed: Vec::new(),
        runpath: Vec::new(),
    };
    if let Some(segment) = segments.iter().find(|segment| segment.p_type == abi::PT_INTERP) {
        parsed.interpreter = Some(interpreter(source, segment)?);
    }
    if let Some(segment) = segments.iter().find(|segment| segment.p_type == abi::PT_DYNAMIC) {
        read_dynamic(source, &header, &segments, segment, &mut parsed)?;
    }
    Ok(Some(parsed))
}

fn segments<R: ReadAt + ?Sized>(
    source: &R,
    header: &FileHeader<AnyEndian>,
) -> Result<Vec<ProgramHeader>, ElfError> {
    // Object files have none. PN_XNUM (0xffff) occurs in core dumps only.
    if header.e_phnum == 0 {
        return Ok(Vec::new());
    }
    if header.e_phnum > MAX_SEGMENTS {
        return Err(ElfError::Damaged(format!("it claims {} segments", header.e_phnum)));
    }
    let entry: u16 = if header.class == Class::ELF64 { 56 } else { 32 };
    // The kernel refuses any other size (fs/binfmt_elf.c, load_elf_phdrs).
    if header.e_phentsize != entry {
        return Err(ElfError::Damaged(format!(
            "its program headers have {} bytes each, not {entry}",
            header.e_phentsize
        )));
    }
    let len = usize::from(entry) * usize::from(header.e_phnum);
    let table = read_exactly(source, header.e_phoff, len, "program header table")?;
    Ok(SegmentTable::new(header.endianness, header.class, &table).iter().collect())
}

fn interpreter<R: ReadAt + ?Sized>(source: &R, segment: &ProgramHeader) -> Result<String, ElfError> {
    if segment.p_filesz > MAX_INTERPRETER {
        return Err(ElfError::Damaged(format!("the name of its loader has {} bytes", segment.p_filesz)));
    }
    let len = usize::try_from(segment.p_filesz).unwrap_or(0);
    let bytes = read_exactly(source, segment.p_offset, len, "name of its loader")?;
    Ok(until_nul(&bytes))
}

fn read_dynamic<R: ReadAt + ?Sized>(
    source: &R,
    header: &FileHeader<AnyEndian>,
    segments: &[ProgramHeader],
    dynamic: &ProgramHeader,
    parsed: &mut Elf,
) -> Result<(), ElfError> {
    let len = usize::try_from(dynamic.p_filesz.min(MAX_DYNAMIC)).unwrap_or(0);
    // A file of debug symbols keeps the segment and not its bytes.
    let bytes = source.read_at_most(dynamic.p_offset, len).map_err(ElfError::Io)?;
    let mut strings = None;
    let mut needed = Vec::new();
    let mut rpath = None;
    let mut runpath = None;
    for entry in DynamicTable::new(header.endianness, header.class, &bytes).iter() {
        match entry.d_tag {
            abi::DT_NULL => break,
            abi::DT_STRTAB => strings = Some(entry.d_ptr()),
            abi::DT_NEEDED if needed.len() < MAX_NEEDED => needed.push(entry.d_val()),
            abi::DT_RPATH => rpath = Some(entry.d_val()),
            abi::DT_RUNPATH => runpath = Some(entry.d_val()),
            _ => {}
        }
    }
    let search = runpath.or(rpath);
    if needed.is_empty() && search.is_none() {
        return Ok(());
    }
    let table = strings
        .and_then(|address| file_offset(segments, address))
        .ok_or_else(|| ElfError::Damaged("it has no string table for its libraries".to_owned()))?;
    let string = |at: u64| -> Result<String, ElfError> {
        let offset = table.checked_add(at).ok_or(ElfError::CutOff("string table"))?;
        let bytes = source.read_at_most(offset, MAX_STRING).map_err(ElfError::Io)?;
        if bytes.is_empty() {
            return Err(ElfError::CutOff("string table"));
        }
        Ok(until_nul(&bytes))
    };
    for at in needed {
        parsed.needed.push(string(at)?);
    }
    if let Some(at) = search {
        let directories = string(at)?;
        parsed.runpath = directories.split(':').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    }
    Ok(())
}

/// Where in the file the loader finds what it maps at `address`.
fn file_offset(segments: &[ProgramHeader], address: u64) -> Option<u64> {
    segments.iter().filter(|segment| segment.p_type == abi::PT_LOAD).find_map(|segment| {
        let inside = address.checked_sub(segment.p_vaddr)?;
        if inside < segment.p_filesz { segment.p_offset.checked_add(inside) } else { None }
    })
}

fn read_exactly<R: ReadAt + ?Sized>(
    source: &R,
    offset: u64,
    len: usize,
    what: &'static str,
) -> Result<Vec<u8>, ElfError> {
    let bytes = source.read_at_most(offset, len).map_err(ElfError::Io)?;
    if bytes.len() == len { Ok(bytes) } else { Err(ElfError::CutOff(what)) }
}

fn until_nul(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// (e_machine, class, little end first, name). The first row of a name is the
/// one that [`sample`] writes.
const MACHINES: &[(u16, Option<u8>, Option<bool>, &str)] = &[
    (abi::EM_X86_64, None, Some(true), "x86_64"),
    (abi::EM_386, None, Some(true), "i386"),
    (abi::EM_AARCH64, None, Some(true), "aarch64"),
    (abi::EM_AARCH64, None, Some(false), "aarch64_be"),
    (abi::EM_ARM, None, Some(true), "arm"),
    (abi::EM_ARM, None, Some(false), "armeb"),
    (abi::EM_PPC64, None, Some(true), "ppc64le"),
    (abi::EM_PPC64, None, Some(false), "ppc64"),
    (abi::EM_PPC, None, Some(false), "ppc"),
    (abi::EM_S390, Some(64), None, "s390x"),
    (abi::EM_S390, Some(32), None, "s390"),
    (abi::EM_RISCV, Some(64), None, "riscv64"),
    (abi::EM_RISCV, Some(32), None, "riscv32"),
    (EM_LOONGARCH, Some(64), None, "loongarch64"),
    (EM_LOONGARCH, Some(32), None, "loongarch32"),
    // uname(2) does not tell the byte orders of MIPS apart.
    (abi::EM_MIPS, Some(64), None, "mips64"),
    (abi::EM_MIPS, Some(32), None, "mips"),
    (abi::EM_SPARCV9, None, None, "sparc64"),
    (abi::EM_SPARC, None, None, "sparc"),
    (abi::EM_IA_64, None, None, "ia64"),
    (abi::EM_PARISC, None, None, "parisc"),
];

/// The `elf` crate does not name it.
const EM_LOONGARCH: u16 = 258;

fn machine_name(machine: u16, class: Class, endian: AnyEndian) -> String {
    let class = if class == Class::ELF64 { 64 } else { 32 };
    let little = matches!(endian, AnyEndian::Little);
    MACHINES
        .iter()
        .find(|(number, of_class, of_endian, _)| {
            *number == machine
                && of_class.is_none_or(|of_class| of_class == class)
                && of_endian.is_none_or(|of_endian| of_endian == little)
        })
        .map_or_else(|| format!("machine-{machine}"), |row| row.3.to_owned())
}

/// The smallest file that [`parse`] reads back as `elf`: a stand-in for a
/// program whose bytes a capture left out. It cannot run.
///
/// None when the machine has no number or the class is neither 32 nor 64.
#[must_use]
pub fn sample(elf: &Elf) -> Option<Vec<u8>> {
    if !matches!(elf.class, 32 | 64) {
        return None;
    }
    let wide = elf.class == 64;
    let (machine, little) = match MACHINES.iter().find(|row| row.3 == elf.machine) {
        Some((number, _, endian, _)) => (*number, endian.unwrap_or(true)),
        None => (elf.machine.strip_prefix("machine-")?.parse().ok()?, true),
    };
    let (header_len, segment_len, word) = if wide { (64, 56, 8) } else { (52, 32, 4) };

    let mut strings = vec![0];
    let mut intern = |text: &str| {
        let at = strings.len() as u64;
        strings.extend_from_slice(text.as_bytes());
        strings.push(0);
        at
    };
    let mut dynamic: Vec<(u64, u64)> = Vec::new();
    for name in &elf.needed {
        dynamic.push((abi::DT_NEEDED as u64, intern(name)));
    }
    if !elf.runpath.is_empty() {
        dynamic.push((abi::DT_RUNPATH as u64, intern(&elf.runpath.join(":"))));
    }
    let interpreter = elf.interpreter.as_ref().map(|name| {
        let mut bytes = name.clone().into_bytes();
        bytes.push(0);
        bytes
    });
    let is_dynamic = !dynamic.is_empty();
    let count = 1 + u64::from(interpreter.is_some()) + u64::from(is_dynamic);
    let interpreter_at = header_len + segment_len * count;
    let interpreter_len = interpreter.as_ref().map_or(0, Vec::len) as u64;
    let strings_at = interpreter_at + interpreter_len;
    let dynamic_at = strings_at + strings.len() as u64;
    dynamic.push((abi::DT_STRTAB as u64, strings_at));
    dynamic.push((abi::DT_NULL as u64, 0));
    let dynamic_len = if is_dynamic { dynamic.len() as u64 * word * 2 } else { 0 };
    let end = dynamic_at + dynamic_len;

    let mut out = Writer { bytes: Vec::new(), little, wide };
    out.bytes.extend_from_slice(&abi::ELFMAGIC);
    out.bytes.extend_from_slice(&[if wide { 2 } else { 1 }, if little { 1 } else { 2 }, 1]);
    out.bytes.resize(IDENT, 0);
    out.half(abi::ET_EXEC);
    out.half(machine);
    out.int(1);
    out.word(0);
    out.word(header_len);
    out.word(0);
    out.int(0);
    out.half(u16::try_from(header_len).ok()?);
    out.half(u16::try_from(segment_len).ok()?);
    out.half(u16::try_from(count).ok()?);
    out.half(0);
    out.half(0);
    out.half(0);
    if interpreter.is_some() {
        out.segment(abi::PT_INTERP, interpreter_at, interpreter_len);
    }
    out.segment(abi::PT_LOAD, 0, end);
    if is_dynamic {
        out.segment(abi::PT_DYNAMIC, dynamic_at, dynamic_len);
    }
    out.bytes.extend_from_slice(&interpreter.unwrap_or_default());
    out.bytes.extend_from_slice(&strings);
    if is_dynamic {
        for (tag, value) in dynamic {
            out.word(tag);
            out.word(value);
        }
    }
    Some(out.bytes)
}

struct Writer {
    bytes: Vec<u8>,
    little: bool,
    wide: bool,
}

impl Writer {
    fn half(&mut self, value: u16) {
        let bytes = if self.little { value.to_le_bytes() } else { value.to_be_bytes() };
        self.bytes.extend_from_slice(&bytes);
    }

    fn int(&mut self, value: u32) {
        let bytes = if self.little { value.to_le_bytes() } else { value.to_be_bytes() };
        self.bytes.extend_from_slice(&bytes);
    }

    fn word(&mut self, value: u64) {
        if !self.wide {
            // Offsets of a sample fit: it is as long as its names.
            self.int(u32::try_from(value).unwrap_or(u32::MAX));
            return;
        }
        let bytes = if self.little { value.to_le_bytes() } else { value.to_be_bytes() };
        self.bytes.extend_from_slice(&bytes);
    }

    /// A segment that is mapped at its own offset.
    fn segment(&mut self, kind: u32, offset: u64, len: u64) {
        self.int(kind);
        if self.wide {
            self.int(4);
        }
        for value in [offset, offset, offset, len, len] {
            self.word(value);
        }
        if !self.wide {
            self.int(4);
        }
        self.word(1);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn program(machine: &str, class: u8) -> Elf {
        Elf {
            class,
            machine: machine.to_owned(),
            interpreter: Some("/lib/ld.so".to_owned()),
            needed: vec!["libc.so.6".to_owned(), "libm.so.6".to_owned()],
            runpath: vec!["$ORIGIN/../lib".to_owned(), "/opt".to_owned()],
        }
    }

    #[test]
    fn this_test_itself() {
        let file = File::open(std::env::current_exe().unwrap()).unwrap();
        let elf = parse(&file).unwrap().unwrap();
        assert_eq!(elf.machine.replace("i386", "x86"), std::env::consts::ARCH);
        assert!(usize::from(elf.class) == usize::BITS as usize);
        if cfg!(all(target_os = "linux", target_env = "gnu")) {
            assert!(elf.interpreter.unwrap().contains("ld-linux"));
            assert!(elf.needed.iter().any(|name| name.starts_with("libc.so")));
        }
    }

    #[test]
    fn samples_read_back() {
        for (_, class, _, name) in MACHINES {
            for class in class.map_or(vec![32, 64], |class| vec![class]) {
                let elf = program(name, class);
                assert_eq!(parse(&*sample(&elf).unwrap()).unwrap().unwrap(), elf);
            }
        }
        let elf = program("machine-4711", 64);
        assert_eq!(parse(&*sample(&elf).unwrap()).unwrap().unwrap(), elf);
        let plain = Elf { interpreter: None, needed: vec![], runpath: vec![], ..elf };
        assert_eq!(parse(&*sample(&plain).unwrap()).unwrap().unwrap(), plain);
        assert_eq!(sample(&program("vax", 32)), None);
        assert_eq!(sample(&program("x86_64", 16)), None);
    }

    #[test]
    fn no_elf_is_none_and_half_an_elf_is_an_error() {
        assert!(parse(&b""[..]).unwrap().is_none());
        assert!(parse(&b"#!/bin/sh\n"[..]).unwrap().is_none());
        assert!(matches!(parse(&b"\x7fELF"[..]), Err(ElfError::CutOff(_))));
        let bytes = sample(&program("x86_64", 64)).unwrap();
        assert!(parse(&bytes[..100]).is_err());
    }

    #[test]
    fn a_hostile_header_is_refused() {
        let mut bytes = sample(&program("x86_64", 64)).unwrap();
        bytes[56..58].copy_from_slice(&0xffff_u16.to_le_bytes());
        assert!(parse(&*bytes).unwrap_err().to_string().contains("65535 segments"));
        let mut bytes = sample(&program("x86_64", 64)).unwrap();
        // The loader's name claims all of the address space.
        bytes[64 + 32..64 + 40].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(parse(&*bytes).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&*bytes);
        }

        #[test]
        fn any_bytes_after_a_magic(
            tail in proptest::collection::vec(any::<u8>(), 0..400),
            class in 1..=2_u8, endian in 1..=2_u8,
        ) {
            let mut bytes = vec![0x7f, b'E', b'L', b'F', class, endian, 1];
            bytes.extend(tail);
            let _ = parse(&*bytes);
        }

        #[test]
        fn one_byte_changed(at in 0..400_usize, byte in any::<u8>(), class in 0..2) {
            let mut bytes = sample(&program(if class == 0 { "s390x" } else { "x86_64" }, 64)).unwrap();
            let len = bytes.len();
            bytes[at % len] = byte;
            let _ = parse(&*bytes);
        }
    }
}
