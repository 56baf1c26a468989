//! Which operators a graph is made of.
//!
//! The file is one protobuf message (`ModelProto` of `onnx.proto3`). It is walked field by field, and what is not on the
//! way to a node is skipped without being read: weights may take gigabytes.

use std::{
    collections::BTreeSet,
    io::{self, BufRead, Seek, SeekFrom},
};

/// Messages within each other at most: a graph within a node's attribute is three deeper, and nobody nests many.
const MAX_DEPTH: usize = 64;

/// Most bytes of an operator's name.
const MAX_NAME: u64 = 256;

/// Messages on the way to nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Message {
    Model,
    Graph,
    Function,
    Node,
    Attribute,
}

/// What a field holds.
#[derive(Clone, Copy, Debug)]
enum Field {
    Message(Message),
    OperatorName,
    Other,
}

/// Reads a file from its start to its end.
struct Walk<R> {
    file: R,
    position: u64,
    operators: BTreeSet<String>,
}

/// Names of the operators (`Conv`, `Exp`) that the nodes of an ONNX file's graph, of graphs within it and of its
/// functions use. Empty when the file cannot be read as such.
pub fn operators(mut file: impl BufRead + Seek) -> BTreeSet<String> {
    let walked = || -> io::Result<BTreeSet<String>> {
        let end = file.seek(SeekFrom::End(0))?;
        file.rewind()?;
        let mut walk = Walk { file, position: 0, operators: BTreeSet::new() };
        walk.message(Message::Model, end, 0)?;
        Ok(walk.operators)
    };
    walked().unwrap_or_default()
}

impl Message {
    /// What is under a number of the message.
    fn field(self, number: u64) -> Field {
        match (self, number) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) => Field::Message(Self::Graph),
            (Self::Model, 25) => Field::Message(Self::Function),
            (Self::Graph, 1) | (Self::Function, 7) => Field::Message(Self::Node),
            (Self::Node, 5) => Field::Message(Self::Attribute),
            (Self::Node, 4) => Field::OperatorName,
            _ => Field::Other,
        }
    }
}

impl<R: BufRead + Seek> Walk<R> {
    /// Reads a message that goes on until `end`.
    fn message(&mut self, message: Message, end: u64, depth: usize) -> io::Result<()> {
        if depth > MAX_DEPTH {
            return Err(malformed());
        }
        while self.position < end {
            let key = self.varint(end)?;
            match key & 7 {
                0 => drop(self.varint(end)?),
                1 => self.skip(8, end)?,
                2 => {
                    let length = self.varint(end)?;
                    self.field(message.field(key >> 3), length, end, depth)?;
                }
                5 => self.skip(4, end)?,
                _ => return Err(malformed()),
            }
        }
        Ok(())
    }

    /// Reads a field of `length` bytes in a message that goes on until `end`.
    fn field(&mut self, field: Field, length: u64, end: u64, depth: usize) -> io::Result<()> {
        match field {
            Field::Message(message) => {
                let within = self.position.checked_add(length).filter(|within| *within <= end);
                self.message(message, within.ok_or_else(malformed)?, depth + 1)
            }
            Field::OperatorName if length <= MAX_NAME => {
                self.advance(length, end)?;
                let mut name = vec![0; length as usize];
                self.file.read_exact(&mut name)?;
                self.operators.insert(String::from_utf8(name).map_err(|_| malformed())?);
                Ok(())
            }
            Field::OperatorName | Field::Other => self.skip(length, end),
        }
    }

    /// A number in groups of seven bits, the lowest first.
    fn varint(&mut self, end: u64) -> io::Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let mut byte = [0];
            self.advance(1, end)?;
            self.file.read_exact(&mut byte)?;
            value |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(malformed())
    }

    fn skip(&mut self, length: u64, end: u64) -> io::Result<()> {
        self.advance(length, end)?;
        // Within what is buffered it costs no system call.
        self.file.seek_relative(i64::try_from(length).map_err(|_| malformed())?)
    }

    fn advance(&mut self, length: u64, end: u64) -> io::Result<()> {
        let position = self.position.checked_add(length).filter(|position| *position <= end);
        self.position = position.ok_or_else(malformed)?;
        Ok(())
    }
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
#[path = "operators_tests.rs"]
mod tests;
