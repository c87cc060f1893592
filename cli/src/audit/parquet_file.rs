//! The rows of an export as Apache Parquet: every column optional text, compressed with Snappy.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::{Compression, ConvertedType, Repetition, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;

use super::columns::COLUMNS;

/// So many rows make a group: readers take a group at a time, and so does our memory.
const ROWS: usize = 10_000;

/// A file in the making.
pub struct Rows<W: Write + Send> {
    file: SerializedFileWriter<W>,
    /// By column; none for a cell that says nothing.
    columns: Vec<Vec<Option<String>>>,
}

impl<W: Write + Send> Rows<W> {
    /// Begins a file.
    pub fn new(out: W) -> Result<Rows<W>, ParquetError> {
        let text = |(name, _): &(&str, &str)| {
            let column = Type::primitive_type_builder(name, Physical::BYTE_ARRAY);
            let column = column.with_repetition(Repetition::OPTIONAL).with_converted_type(ConvertedType::UTF8);
            column.build().map(Arc::new)
        };
        let fields = COLUMNS.iter().map(text).collect::<Result<Vec<_>, _>>()?;
        let schema = Type::group_type_builder("audit_log").with_fields(fields).build()?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let file = SerializedFileWriter::new(out, Arc::new(schema), Arc::new(properties))?;
        Ok(Rows { file, columns: vec![Vec::new(); COLUMNS.len()] })
    }

    /// Adds a row.
    pub fn push(&mut self, cells: impl Iterator<Item = Option<String>>) -> Result<(), ParquetError> {
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell);
        }
        if self.columns[0].len() >= ROWS { self.write_group() } else { Ok(()) }
    }

    /// Writes what is left, and the end of the file.
    pub fn finish(mut self) -> Result<(), ParquetError> {
        if !self.columns[0].is_empty() {
            self.write_group()?;
        }
        self.file.close()?;
        Ok(())
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.file.next_row_group()?;
        for cells in &mut self.columns {
            let levels: Vec<i16> = cells.iter().map(|cell| i16::from(cell.is_some())).collect();
            let texts: Vec<ByteArray> = cells.drain(..).flatten().map(|text| text.into_bytes().into()).collect();
            if let Some(mut column) = group.next_column()? {
                column.typed::<ByteArrayType>().write_batch(&texts, Some(&levels), None)?;
                column.close()?;
            }
        }
        group.close()?;
        Ok(())
    }
}
