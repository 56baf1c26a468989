//! Settings in layers: defaults, a TOML file, the environment, flags. Later layers win.
//!
//! A section is declared once, with [`settings!`](crate::settings!): the doc comments in the source are the
//! comments of `--dump-config`, and the fields are the keys that a layer may name.

mod dump;
mod error;
mod key;
mod load;
mod origin;
mod secret;

use serde::{Serialize, de::DeserializeOwned};

pub use self::{
    dump::{dump, to_toml},
    error::{InvalidSetting, SettingsError},
    key::KeyDoc,
    load::{Layers, load},
    origin::Origin,
    secret::{Secret, masked},
};

/// A section of settings, or all of them. Implemented by [`settings!`](crate::settings!).
pub trait Settings: Default + Serialize + DeserializeOwned {
    /// The section's keys with their meaning, in the order of their declaration.
    fn keys() -> Vec<KeyDoc>;

    /// Checks what the types of the values cannot express.
    ///
    /// # Errors
    /// The first setting that cannot be used, and why.
    fn validate(&self) -> Result<(), InvalidSetting>;
}

/// Declares a section of settings.
///
/// A field with a default is a key; one without is a section of its own, which must implement
/// [`Settings`](crate::settings::Settings). The struct gets `Clone`, `Debug`, `PartialEq`, `Default`, serde's
/// traits with unknown fields denied, and `Settings`. `checked by` names a function from the section to
/// `Result<(), InvalidSetting>` for rules that no type expresses. `#[masked(function)]` before a key of text keeps its
/// values out of errors and, but for what the function makes of them, out of [`dump`](crate::settings::dump()). The
/// calling crate depends on `serde`.
///
/// ```
/// vision_service::settings! {
///     /// Where to listen.
///     pub struct Listen {
///         /// Address of the page.
///         pub address: String = "0.0.0.0:9090".to_owned(),
///     }
/// }
/// vision_service::settings! {
///     /// Everything.
///     pub struct Everything {
///         /// The HTTP page.
///         pub http: Listen,
///     }
/// }
/// assert_eq!(Everything::default().http.address, "0.0.0.0:9090");
/// ```
#[macro_export]
macro_rules! settings {
    (
        $(#[doc = $about:literal])+
        $vis:vis struct $name:ident $(checked by $check:path)? {
            $(
                $(#[doc = $doc:literal])+
                $(#[serde($($serde:tt)*)])?
                $(#[masked($mask:path)])?
                $field_vis:vis $field:ident: $type:ty $(= $default:expr)?,
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, PartialEq, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        $vis struct $name {
            $(
                $(#[doc = $doc])+
                $(#[serde($($serde)*)])?
                $field_vis $field: $type,
            )+
        }

        impl ::core::default::Default for $name {
            fn default() -> Self {
                Self { $($field: $crate::settings!(@default $($default)?)),+ }
            }
        }

        impl $crate::settings::Settings for $name {
            fn keys() -> ::std::vec::Vec<$crate::settings::KeyDoc> {
                ::std::vec![$(
                    $crate::settings!(@key $field, [$($doc),+], $type $(, $default)?)$(.masked($mask))?
                ),+]
            }

            fn validate(&self) -> ::core::result::Result<(), $crate::settings::InvalidSetting> {
                $($crate::settings!(@validate self, $field $(, $default)?);)+
                $($check(self)?;)?
                ::core::result::Result::Ok(())
            }
        }
    };
    (@default) => { ::core::default::Default::default() };
    (@default $default:expr) => { $default };
    (@key $field:ident, [$($doc:literal),+], $type:ty) => {
        $crate::settings::KeyDoc::section(
            stringify!($field),
            &[$($doc),+],
            <$type as $crate::settings::Settings>::keys(),
        )
    };
    (@key $field:ident, [$($doc:literal),+], $type:ty, $default:expr) => {
        $crate::settings::KeyDoc::key(stringify!($field), &[$($doc),+])
    };
    (@validate $self:ident, $field:ident) => {
        $crate::settings::Settings::validate(&$self.$field)
            .map_err(|invalid| invalid.within(stringify!($field)))?
    };
    (@validate $self:ident, $field:ident, $default:expr) => {};
}

#[cfg(test)]
mod tests;
