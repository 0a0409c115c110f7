//! Arrow's C data interface: what another library hands over as `__arrow_c_array__` or
//! `__arrow_c_stream__` becomes columns whose cells are read one by one.
//!
//! The only file with `unsafe`. It trusts what the interface makes the producer promise: that the
//! capsules hold the structs of these layouts, that the buffers are as long as types, lengths and
//! offsets need, and that nobody writes to them until they are released. What can be checked is
//! checked all the same: texts are UTF-8, and places in dictionaries lie within them. Nothing is
//! copied. Knows nothing of traces.
#![allow(unsafe_code, reason = "a foreign interface of raw pointers")]

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::RouterError;
use crate::arrow_kind::{Field, Kind};

/// `ArrowSchema`, laid out as the interface says.
#[repr(C)]
struct CSchema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut CSchema,
    dictionary: *mut CSchema,
    release: Option<unsafe extern "C" fn(*mut CSchema)>,
    private_data: *mut c_void,
}

/// `ArrowArray`.
#[derive(Debug)]
#[repr(C)]
struct CArray {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut CArray,
    dictionary: *mut CArray,
    release: Option<unsafe extern "C" fn(*mut CArray)>,
    private_data: *mut c_void,
}

/// `ArrowArrayStream`.
#[repr(C)]
struct CStream {
    get_schema: Option<unsafe extern "C" fn(*mut CStream, *mut CSchema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut CStream, *mut CArray) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut CStream) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut CStream)>,
    private_data: *mut c_void,
}

/// One cell.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    /// Milliseconds since 1970.
    Time(i64),
    List(List<'a>),
}

/// The cells of a list.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List<'a> {
    column: Column<'a>,
    start: usize,
    end: usize,
}

/// A record batch that somebody handed over.
pub(crate) struct Batch {
    array: CArray,
    fields: Vec<Field>,
}

// SAFETY: the interface forbids writing to the buffers of an array that was handed over, and lets
// its owner release it on any thread.
unsafe impl Send for Batch {}
// SAFETY: as above; reading needs no lock.
unsafe impl Sync for Batch {}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(release) = self.array.release {
            // SAFETY: the array was moved here whole and has not been released yet.
            unsafe { release(&raw mut self.array) };
        }
    }
}

/// A column of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column<'a> {
    array: &'a CArray,
    kind: &'a Kind,
    /// Where the batch starts in it, on top of its own offset.
    offset: usize,
}

fn fault(message: impl Into<String>) -> PyErr {
    RouterError::new_err(message.into())
}

/// The batches of an object, one after the other: one of `__arrow_c_array__`, all of
/// `__arrow_c_stream__`.
pub(crate) fn each(
    data: &Bound<'_, PyAny>,
    mut take_in: impl FnMut(Batch) -> PyResult<()>,
) -> PyResult<()> {
    if data.hasattr("__arrow_c_array__")? {
        let capsules = data.call_method0("__arrow_c_array__")?;
        let capsules = capsules.cast::<PyTuple>().map_err(PyErr::from)?;
        let schema: *mut CSchema = pointer(&capsules.get_item(0)?, c"arrow_schema")?;
        let array: *mut CArray = pointer(&capsules.get_item(1)?, c"arrow_array")?;
        // SAFETY: a capsule of that name holds the struct, which lives as long as the capsule.
        let fields = unsafe { fields_of(schema) }.map_err(fault)?;
        // SAFETY: as above; the array is moved out, as its new owner may.
        let array = unsafe { take(array) };
        return take_in(Batch::new(array, fields)?);
    }
    if data.hasattr("__arrow_c_stream__")? {
        let capsule = data.call_method0("__arrow_c_stream__")?;
        let stream: *mut CStream = pointer(&capsule, c"arrow_array_stream")?;
        // SAFETY: a capsule of that name holds the struct, which lives as long as the capsule.
        return unsafe { drain(stream, &mut take_in) };
    }
    Err(fault(format!(
        "must be Arrow data (a record batch, a table, a data frame), not {}; it has neither __arrow_c_array__ nor __arrow_c_stream__",
        data.get_type().fully_qualified_name()?
    )))
}

fn pointer<T>(capsule: &Bound<'_, PyAny>, name: &CStr) -> PyResult<*mut T> {
    // SAFETY: Python checks that this is a capsule of that name.
    let found = unsafe { pyo3::ffi::PyCapsule_GetPointer(capsule.as_ptr(), name.as_ptr()) };
    if found.is_null() {
        Err(PyErr::fetch(capsule.py()))
    } else {
        Ok(found.cast())
    }
}

/// Move a struct out, so that whoever held it does not release it.
///
/// # Safety
/// `array` points to an array.
unsafe fn take(array: *mut CArray) -> CArray {
    // SAFETY: the caller's promise; without `release` the struct that stays behind counts as
    // released.
    unsafe {
        let moved = ptr::read(array);
        (*array).release = None;
        moved
    }
}

/// All batches of a stream.
///
/// # Safety
/// `stream` points to a stream that has not been released.
unsafe fn drain(
    stream: *mut CStream,
    take_in: &mut dyn FnMut(Batch) -> PyResult<()>,
) -> PyResult<()> {
    // SAFETY: the caller's promise. The structs that the stream fills start as zeros, which is
    // their released state, and those that it filled are released or moved into a batch.
    unsafe {
        let (Some(get_schema), Some(get_next)) = ((*stream).get_schema, (*stream).get_next) else {
            return Err(fault("this stream of batches was read already"));
        };
        let failed = || {
            let text = (*stream).get_last_error.map(|last| last(stream));
            match text.filter(|text| !text.is_null()) {
                Some(text) => fault(CStr::from_ptr(text).to_string_lossy()),
                None => fault("the stream of batches failed without a reason"),
            }
        };
        let mut schema: CSchema = std::mem::zeroed();
        if get_schema(stream, &raw mut schema) != 0 {
            return Err(failed());
        }
        let fields = fields_of(&raw const schema);
        if let Some(release) = schema.release {
            release(&raw mut schema);
        }
        let fields = fields.map_err(fault)?;
        loop {
            let mut array: CArray = std::mem::zeroed();
            if get_next(stream, &raw mut array) != 0 {
                return Err(failed());
            }
            if array.release.is_none() {
                return Ok(());
            }
            take_in(Batch::new(array, fields.clone())?)?;
        }
    }
}

/// The columns of a struct.
///
/// # Safety
/// `schema` points to a schema that has not been released.
unsafe fn fields_of(schema: *const CSchema) -> Result<Vec<Field>, String> {
    // SAFETY: the caller's promise; a schema has as many children as it says.
    unsafe {
        if (*schema).release.is_none() {
            return Err("this batch was taken already".to_owned());
        }
        let format = CStr::from_ptr((*schema).format);
        if format != c"+s" {
            return Err("must be record batches: Arrow data of type struct".to_owned());
        }
        let children = usize::try_from((*schema).n_children).unwrap_or(0);
        (0..children)
            .map(|i| field_of(*(*schema).children.add(i)))
            .collect()
    }
}

/// # Safety
/// As [`fields_of`].
unsafe fn field_of(schema: *const CSchema) -> Result<Field, String> {
    // SAFETY: the caller's promise; names may be null, formats not.
    unsafe {
        let name = (*schema).name;
        let name = if name.is_null() {
            String::new()
        } else {
            CStr::from_ptr(name).to_string_lossy().into_owned()
        };
        let format = CStr::from_ptr((*schema).format).to_string_lossy();
        let mut kind = match &*format {
            "+l" | "+L" if (*schema).n_children == 1 => {
                Kind::List(format == "+L", Box::new(field_of(*(*schema).children)?))
            }
            plain => Kind::of(plain),
        };
        if !(*schema).dictionary.is_null() {
            let values = field_of((*schema).dictionary)?.kind;
            kind = Kind::Dictionary(Box::new(kind), Box::new(values));
        }
        Ok(Field { name, kind })
    }
}

impl Batch {
    fn new(array: CArray, fields: Vec<Field>) -> PyResult<Self> {
        let batch = Self { array, fields };
        if batch.array.release.is_none() {
            return Err(fault("this batch was taken already"));
        }
        let sizes = batch.array.length | batch.array.offset;
        let children = usize::try_from(batch.array.n_children).ok();
        if sizes < 0 || children != Some(batch.fields.len()) {
            return Err(fault("the batch and its schema do not fit each other"));
        }
        for (place, field) in batch.fields.iter().enumerate() {
            let column = batch.column_at(place, field);
            let needed = batch.array.offset + batch.array.length;
            if column.array.length < needed || !column.sound() {
                let message = "the column and its schema do not fit each other";
                return Err(fault(format!("{}: {message}", field.name)));
            }
        }
        Ok(batch)
    }

    /// How many rows.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.array.length).unwrap_or(0)
    }

    /// The names of its columns.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|field| field.name.as_str())
    }

    /// The first column of that name.
    pub(crate) fn column(&self, name: &str) -> Option<Column<'_>> {
        let place = self.fields.iter().position(|field| field.name == name)?;
        Some(self.column_at(place, &self.fields[place]))
    }

    fn column_at<'a>(&'a self, place: usize, field: &'a Field) -> Column<'a> {
        // SAFETY: `new` has found as many children as fields; they live as long as the batch.
        let array = unsafe { &**self.array.children.add(place) };
        Column {
            array,
            kind: &field.kind,
            offset: usize::try_from(self.array.offset).unwrap_or(0),
        }
    }
}

impl<'a> Column<'a> {
    /// Whether the array has the buffers and children of its type.
    fn sound(self) -> bool {
        let sizes = self.array.length | self.array.offset;
        let nested = match self.kind {
            Kind::List(_, item) => self.items(item).is_some_and(Self::sound),
            Kind::Dictionary(_, values) => self.dictionary(values).is_some_and(Self::sound),
            _ => true,
        };
        sizes >= 0 && self.array.n_buffers >= self.kind.buffers() && nested
    }

    /// The column of a list's items.
    fn items(self, item: &'a Field) -> Option<Self> {
        if self.array.n_children != 1 {
            return None;
        }
        // SAFETY: the one child of an array lives as long as the array.
        let array = unsafe { &**self.array.children };
        Some(Self {
            array,
            kind: &item.kind,
            offset: 0,
        })
    }

    fn dictionary(self, values: &'a Kind) -> Option<Self> {
        // SAFETY: null, or an array that lives as long as this one.
        let array = unsafe { self.array.dictionary.as_ref() }?;
        Some(Self {
            array,
            kind: values,
            offset: 0,
        })
    }

    /// The cell of a row.
    ///
    /// # Errors
    /// Where it has a type that is not read here, or is not what its type says.
    pub(crate) fn value(self, row: usize) -> Result<Value<'a>, String> {
        let own = usize::try_from(self.array.offset).unwrap_or(0);
        // Whoever asks for a row of a batch or list stays within it, and `Batch::new` has checked
        // that the column is as long.
        let at = own + self.offset + row;
        if self.is_null(at) {
            return Ok(Value::Null);
        }
        Ok(match self.kind {
            Kind::Null => Value::Null,
            Kind::Bool => Value::Bool(self.bit(1, at)),
            &Kind::Int(width, signed) => Value::Int(self.int(width, signed, at)),
            Kind::Float(4) => Value::Float(f64::from(self.number::<f32>(1, at))),
            Kind::Float(_) => Value::Float(self.number(1, at)),
            &Kind::Bytes(wide, text) => bytes_or_text(self.bytes(wide, at), text)?,
            &Kind::View(text) => bytes_or_text(self.view(at), text)?,
            &Kind::Time(ticks) => Value::Time(millis(self.number(1, at), ticks)),
            Kind::Days => Value::Time(i64::from(self.number::<i32>(1, at)) * 86_400_000),
            Kind::List(wide, item) => {
                let (start, end) = self.range(*wide, at);
                let column = self.items(item).ok_or("is a list without items")?;
                Value::List(List { column, start, end })
            }
            Kind::Dictionary(index, values) => {
                let &Kind::Int(width, signed) = &**index else {
                    return Err("has a dictionary whose places are no whole numbers".to_owned());
                };
                let place = usize::try_from(self.int(width, signed, at)).ok();
                let values = self.dictionary(values);
                let found = values.zip(place).filter(|(values, place)| {
                    usize::try_from(values.array.length).is_ok_and(|length| *place < length)
                });
                let (values, place) = found.ok_or("names a place outside of its dictionary")?;
                return values.value(place);
            }
            Kind::Other(format) => {
                return Err(format!(
                    "has the Arrow type `{format}`, which is not read here; cast it to text or a number"
                ));
            }
        })
    }

    fn is_null(self, at: usize) -> bool {
        if self.array.null_count == 0 || matches!(self.kind, Kind::Null | Kind::Other(_)) {
            return false;
        }
        // SAFETY: every other type has a first buffer, of validity bits or null: all are valid.
        !unsafe { *self.array.buffers }.is_null() && !self.bit(0, at)
    }

    fn bit(self, buffer: usize, at: usize) -> bool {
        self.number::<u8>(buffer, at / 8) >> (at % 8) & 1 == 1
    }

    /// A number of a buffer.
    fn number<T: Copy>(self, buffer: usize, at: usize) -> T {
        // SAFETY: the type has that buffer, and the buffer that row, as the producer promises;
        // alignment is recommended only.
        unsafe { ptr::read_unaligned((*self.array.buffers.add(buffer)).cast::<T>().add(at)) }
    }

    fn int(self, width: u8, signed: bool, at: usize) -> i128 {
        match (width, signed) {
            (1, true) => self.number::<i8>(1, at).into(),
            (1, false) => self.number::<u8>(1, at).into(),
            (2, true) => self.number::<i16>(1, at).into(),
            (2, false) => self.number::<u16>(1, at).into(),
            (4, true) => self.number::<i32>(1, at).into(),
            (4, false) => self.number::<u32>(1, at).into(),
            (_, true) => self.number::<i64>(1, at).into(),
            (_, false) => self.number::<u64>(1, at).into(),
        }
    }

    /// Where a text or list starts and ends.
    fn range(self, wide: bool, at: usize) -> (usize, usize) {
        let place = |at: usize| {
            let place = if wide {
                self.number::<i64>(1, at)
            } else {
                self.number::<i32>(1, at).into()
            };
            usize::try_from(place).unwrap_or(0)
        };
        let (start, end) = (place(at), place(at + 1));
        (start, end.max(start))
    }

    fn bytes(self, wide: bool, at: usize) -> &'a [u8] {
        let (start, end) = self.range(wide, at);
        self.slice(2, start, end - start)
    }

    /// A view: its length; up to twelve bytes in place, else four of them, the number of a buffer
    /// and the place in it.
    fn view(self, at: usize) -> &'a [u8] {
        let [length, _, buffer, start] = self.number::<[i32; 4]>(1, at);
        let size = |x: i32| usize::try_from(x).unwrap_or(0);
        if length <= 12 {
            self.slice(1, at * 16 + 4, size(length))
        } else {
            self.slice(2 + size(buffer), size(start), size(length))
        }
    }

    fn slice(self, buffer: usize, start: usize, length: usize) -> &'a [u8] {
        if length == 0 {
            // The buffer may be null then.
            return &[];
        }
        // SAFETY: offsets and views stay within the buffers that they point into, as the producer
        // promises, and buffers live as long as the array.
        unsafe {
            let start = (*self.array.buffers.add(buffer)).cast::<u8>().add(start);
            std::slice::from_raw_parts(start, length)
        }
    }
}

impl<'a> List<'a> {
    /// Its cells.
    pub(crate) fn values(self) -> impl Iterator<Item = Result<Value<'a>, String>> {
        (self.start..self.end).map(move |at| self.column.value(at))
    }
}

fn bytes_or_text(bytes: &[u8], text: bool) -> Result<Value<'_>, String> {
    if !text {
        return Ok(Value::Bytes(bytes));
    }
    let text = std::str::from_utf8(bytes);
    text.map(Value::Text)
        .map_err(|_| "has a text that is not UTF-8".to_owned())
}

/// Ticks as milliseconds, cut.
fn millis(ticks: i64, a_second: i64) -> i64 {
    if a_second < 1_000 {
        ticks.saturating_mul(1_000 / a_second)
    } else {
        ticks.div_euclid(a_second / 1_000)
    }
}
