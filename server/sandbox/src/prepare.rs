//! Makes a guest's module fit for forking, once, before it is compiled.
//!
//! Three changes, none of which moves an index: functions outside the kept ranges become `unreachable` (a scientific
//! stack that no test needs costs minutes to compile), mutable globals are exported (so that a frozen guest's can be
//! read and a fork's be set), and the data segments are taken out (a fork's memory is mapped from an image that has
//! them already; instantiation must not write them again).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::{Deserialize, Serialize};
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, ExportKind, ExportSection, Module, RawSection,
};
use wasmparser::{DataKind, ExternalKind, FunctionBody, Operator, Parser, Payload, TypeRef};

/// Prefix of the exports that carry the guest's mutable globals.
pub const GLOBAL_EXPORT: &str = "airlock:global:";

/// A module ready to compile, and what its forks start from.
#[derive(Debug)]
pub struct Prepared {
    /// The module, in the binary format.
    pub module: Vec<u8>,
    /// Bytes the data segments put into memory before anything runs: offset and content.
    pub data: Vec<(u32, Vec<u8>)>,
    pub shape: Shape,
}

/// What the engine must know of a prepared module besides its code.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Indices of the mutable globals that were exported.
    pub globals: Vec<u32>,
    /// Functions in the module, imported ones included.
    pub functions: u32,
    /// Ranges of function indices whose bodies were kept; empty means all.
    pub kept: Vec<Range<u32>>,
    /// Functions outside the ranges that were kept because the guest's start calls them.
    pub constructors: BTreeSet<u32>,
}

impl Shape {
    /// Whether a function's body was taken out.
    pub fn is_removed(&self, function: u32) -> bool {
        !self.kept.is_empty()
            && !self.kept.iter().any(|range| range.contains(&function))
            && !self.constructors.contains(&function)
    }
}

/// Why a module cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    #[error("the guest's module is not valid WebAssembly: {0}")]
    Invalid(#[from] wasmparser::BinaryReaderError),
    #[error("the guest's module {0}, which forking does not support")]
    Unsupported(&'static str),
}

/// Rewrites `module`; `kept` names the ranges of function indices to keep (empty: all).
///
/// # Errors
/// [`PrepareError`] where the module is not valid, imports memories or globals, has several memories, places data at
/// addresses that are not constants, or changes what an image does not hold.
pub fn prepare(module: &[u8], kept: &[Range<u32>]) -> Result<Prepared, PrepareError> {
    let mut shape = Shape { kept: kept.to_vec(), ..Shape::default() };
    if !kept.is_empty() {
        shape.constructors = constructors(module, &shape)?;
    }
    let mut data = Vec::new();
    let mut out = Module::new();
    let mut code: Option<(u32, CodeSection)> = None;
    let mut next_function = 0_u32;
    let mut exports: Option<ExportSection> = None;
    let mut mutable = Vec::new();

    for payload in Parser::new(0).parse_all(module) {
        let payload = payload?;
        // The export section comes after the globals; a module without one still needs it in its place.
        match &payload {
            Payload::Version { .. } | Payload::End(_) => continue,
            Payload::ImportSection(reader) => {
                for import in reader.clone().into_imports() {
                    match import?.ty {
                        TypeRef::Func(_) | TypeRef::FuncExact(_) => next_function += 1,
                        TypeRef::Memory(_) => return Err(PrepareError::Unsupported("imports its memory")),
                        TypeRef::Global(_) => return Err(PrepareError::Unsupported("imports a global")),
                        TypeRef::Table(_) => return Err(PrepareError::Unsupported("imports a table")),
                        TypeRef::Tag(_) => return Err(PrepareError::Unsupported("imports a tag")),
                    }
                }
            }
            Payload::MemorySection(reader) if reader.count() != 1 => {
                return Err(PrepareError::Unsupported("has several memories"));
            }
            Payload::GlobalSection(reader) => {
                for (index, global) in (0_u32..).zip(reader.clone()) {
                    if global?.ty.mutable {
                        mutable.push(index);
                    }
                }
            }
            Payload::StartSection { .. } => {
                return Err(PrepareError::Unsupported("has a start function"));
            }
            Payload::ExportSection(reader) => {
                let mut section = ExportSection::new();
                for export in reader.clone() {
                    let export = export?;
                    let kind = match export.kind {
                        ExternalKind::Func | ExternalKind::FuncExact => ExportKind::Func,
                        ExternalKind::Table => ExportKind::Table,
                        ExternalKind::Memory => ExportKind::Memory,
                        ExternalKind::Global => ExportKind::Global,
                        ExternalKind::Tag => ExportKind::Tag,
                    };
                    section.export(export.name, kind, export.index);
                }
                for index in &mutable {
                    section.export(&format!("{GLOBAL_EXPORT}{index}"), ExportKind::Global, *index);
                }
                out.section(&section);
                exports = Some(section);
                continue;
            }
            Payload::DataCountSection { count, .. } => {
                out.section(&DataCountSection { count: *count });
                continue;
            }
            Payload::DataSection(reader) => {
                let mut section = DataSection::new();
                for segment in reader.clone() {
                    let segment = segment?;
                    match segment.kind {
                        DataKind::Passive => {
                            section.passive(segment.data.iter().copied());
                        }
                        DataKind::Active { memory_index: 0, offset_expr } => {
                            let mut operators = offset_expr.get_operators_reader();
                            let Operator::I32Const { value } = operators.read()? else {
                                return Err(PrepareError::Unsupported("places data at a computed address"));
                            };
                            data.push((value.cast_unsigned(), segment.data.to_vec()));
                            section.active(0, &ConstExpr::i32_const(0), []);
                        }
                        DataKind::Active { .. } => {
                            return Err(PrepareError::Unsupported("has several memories"));
                        }
                    }
                }
                out.section(&section);
                continue;
            }
            Payload::CodeSectionStart { count, .. } => {
                code = Some((*count, CodeSection::new()));
                continue;
            }
            Payload::CodeSectionEntry(body) => {
                let Some((left, section)) = &mut code else { continue };
                if shape.is_removed(next_function) {
                    // No locals, `unreachable`, `end`.
                    section.raw(&[0x00, 0x00, 0x0b]);
                } else {
                    if let Some(what) = unforkable(body)? {
                        return Err(PrepareError::Unsupported(what));
                    }
                    section.raw(&module[body.range()]);
                }
                next_function += 1;
                *left -= 1;
                if *left == 0 {
                    out.section(section);
                    code = None;
                }
                continue;
            }
            // Names and debug information are large, and compiled code has no use for them.
            Payload::CustomSection(_) => continue,
            _ => {}
        }
        if let Some((id, range)) = payload.as_section() {
            out.section(&RawSection { id, data: &module[range] });
        }
    }
    if exports.is_none() {
        return Err(PrepareError::Unsupported("exports nothing"));
    }
    shape.globals = mutable;
    shape.functions = next_function;
    Ok(Prepared { module: out.finish(), data, shape })
}

/// What a function does to state that an image does not hold, if anything: tables, and which segments were dropped. A fork
/// would start with the module's own again.
fn unforkable(body: &FunctionBody<'_>) -> Result<Option<&'static str>, PrepareError> {
    for operator in body.get_operators_reader()? {
        match operator? {
            Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. } => return Ok(Some("changes a table")),
            Operator::ElemDrop { .. } | Operator::DataDrop { .. } => return Ok(Some("drops a segment")),
            _ => {}
        }
    }
    Ok(None)
}

/// The functions outside the kept ranges that the guest's start runs: what `_initialize` calls calls them (static
/// constructors of C++ libraries), and what they call in turn.
fn constructors(module: &[u8], shape: &Shape) -> Result<BTreeSet<u32>, PrepareError> {
    let mut next = 0_u32;
    let mut start = None;
    let mut bodies = BTreeMap::new();
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::ImportSection(reader) => {
                for import in reader.into_imports() {
                    next += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                }
            }
            Payload::ExportSection(reader) => {
                for export in reader {
                    let export = export?;
                    if export.name == "_initialize" && export.kind == ExternalKind::Func {
                        start = Some(export.index);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                bodies.insert(next, body);
                next += 1;
            }
            _ => {}
        }
    }
    let calls = |function: u32| -> Result<Vec<u32>, PrepareError> {
        let Some(body) = bodies.get(&function) else { return Ok(Vec::new()) };
        let mut calls = Vec::new();
        for operator in body.get_operators_reader()? {
            if let Operator::Call { function_index } | Operator::ReturnCall { function_index } = operator? {
                calls.push(function_index);
            }
        }
        Ok(calls)
    };
    let mut found = BTreeSet::new();
    let mut open = Vec::new();
    for called in start.map(&calls).transpose()?.unwrap_or_default() {
        open.extend(calls(called)?);
    }
    while let Some(function) = open.pop() {
        if shape.is_removed(function) && found.insert(function) {
            open.extend(calls(function)?);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use wasm_encoder::{
        ConstExpr, ElementSection, Elements, Function, FunctionSection, Instruction, RefType, TableSection, TableType,
        TypeSection,
    };

    use super::*;

    /// A module with one table, one passive segment of each kind, and a function of these instructions.
    fn module(body: &[Instruction<'_>]) -> Vec<u8> {
        let mut module = Module::new();
        let mut types = TypeSection::new();
        types.ty().function([], []);
        module.section(&types);
        let mut functions = FunctionSection::new();
        functions.function(0);
        module.section(&functions);
        let mut tables = TableSection::new();
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: 4,
            maximum: None,
            shared: false,
        });
        module.section(&tables);
        let mut exports = ExportSection::new();
        exports.export("_start", ExportKind::Func, 0);
        module.section(&exports);
        let mut elements = ElementSection::new();
        elements.passive(Elements::Expressions(RefType::FUNCREF, [ConstExpr::ref_func(0)].as_slice().into()));
        module.section(&elements);
        module.section(&DataCountSection { count: 1 });
        let mut code = CodeSection::new();
        let mut function = Function::new([]);
        for instruction in body {
            function.instruction(instruction);
        }
        function.instruction(&Instruction::End);
        code.function(&function);
        module.section(&code);
        let mut data = DataSection::new();
        data.passive([1, 2, 3]);
        module.section(&data);
        module.finish()
    }

    #[test]
    fn what_changes_state_that_no_image_holds_is_refused_where_it_is_kept() {
        let zero = Instruction::I32Const(0);
        let null = Instruction::RefNull(wasm_encoder::HeapType::FUNC);
        let cases = [
            vec![zero.clone(), null.clone(), Instruction::TableSet(0)],
            vec![null.clone(), zero.clone(), Instruction::TableGrow(0), Instruction::Drop],
            vec![zero.clone(), null.clone(), zero.clone(), Instruction::TableFill(0)],
            vec![zero.clone(), zero.clone(), zero.clone(), Instruction::TableCopy { src_table: 0, dst_table: 0 }],
            vec![zero.clone(), zero.clone(), zero.clone(), Instruction::TableInit { elem_index: 0, table: 0 }],
            vec![Instruction::ElemDrop(0)],
            vec![Instruction::DataDrop(0)],
        ];
        for body in cases {
            let module = module(&body);
            assert!(matches!(prepare(&module, &[]), Err(PrepareError::Unsupported(_))), "{body:?}");
            // Taken out, it does nothing.
            let elsewhere = 7..8;
            assert!(prepare(&module, std::slice::from_ref(&elsewhere)).is_ok(), "{body:?}");
        }
        assert!(prepare(&module(&[zero, Instruction::TableGet(0), Instruction::Drop]), &[]).is_ok());
    }
}
