//! Commands that concern the connection or the server rather than a sale.
//!
//! The connection carries out [`Session`]; [`Local`] needs no state of the connection but its protocol.

use crate::command::Command;
use crate::command::args::{Args, whole_number, wrong};
use crate::command::error::CommandError;
use crate::resp::encode::Protocol;

type Parsed<'a> = Result<Command<'a>, CommandError>;

/// The longest name of a connection or of its library.
const NAME_BYTES_MAX: usize = 128;

/// What changes or shows the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session<'a> {
    /// Introduces both sides.
    Hello {
        /// The protocol asked for; `None`: the one in use.
        protocol: Option<HelloProtocol>,
        /// Whether AUTH came with it.
        auth: bool,
        /// The name that came with SETNAME.
        name: Option<&'a [u8]>,
    },
    /// Logs in.
    Auth,
    /// Chooses a database.
    Select {
        /// Whether it is the one that exists.
        exists: bool,
    },
    /// Answers the connection's number.
    ClientId,
    /// Describes this connection.
    ClientInfo,
    /// Describes every connection.
    ClientList,
    /// Answers the connection's name.
    ClientGetName,
    /// Names the connection.
    ClientSetName(&'a [u8]),
    /// Notes the client library's name.
    ClientLibName(&'a [u8]),
    /// Notes the client library's version.
    ClientLibVersion(&'a [u8]),
    /// Says goodbye.
    Quit,
    /// Begins anew.
    Reset,
    /// Begins a batch.
    Multi,
    /// Runs the batch.
    Exec,
    /// Forgets the batch.
    Discard,
}

/// What HELLO asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HelloProtocol {
    /// One that is spoken here.
    Known(Protocol),
    /// A number that is none of them.
    Unknown,
}

/// What is answered from the frame and from counters.
#[derive(Clone, Copy, Debug)]
pub enum Local<'a> {
    /// PONG, or the message.
    Ping(Option<&'a [u8]>),
    /// The message.
    Echo(&'a [u8]),
    /// INFO; the sections asked for, none: the usual ones.
    Info(Args<'a>),
    /// All commands.
    CommandAll,
    /// How many there are.
    CommandCount,
    /// Their names.
    CommandList,
    /// Some commands.
    CommandInfo(Args<'a>),
    /// The docs of some commands.
    CommandDocs(Args<'a>),
    /// The keys of a command.
    CommandGetKeys(Args<'a>),
    /// Settings by name.
    ConfigGet(Args<'a>),
    /// There is no cluster.
    Cluster,
    /// Begins a snapshot of every shard.
    Save,
    /// When the last one was made.
    LastSave,
}

/// `HELLO [protocol [AUTH user password] [SETNAME name]]`
pub fn hello(mut args: Args<'_>) -> Parsed<'_> {
    let protocol = match args.rest() {
        None => None,
        Some(b"2") => Some(HelloProtocol::Known(Protocol::Resp2)),
        Some(b"3") => Some(HelloProtocol::Known(Protocol::Resp3)),
        Some(word) if whole_number(word).is_some() => Some(HelloProtocol::Unknown),
        Some(word) => return Err(wrong("protocol", "2 or 3", word)),
    };
    let (mut auth, mut name) = (false, None);
    while let Some(option) = args.option(&["AUTH", "SETNAME"])? {
        if option == "AUTH" {
            args.bytes("AUTH")?;
            args.bytes("AUTH")?;
            auth = true;
        } else {
            name = Some(client_name(&mut args, "SETNAME")?);
        }
    }
    Ok(Command::Session(Session::Hello { protocol, auth, name }))
}

/// `AUTH [user] password`
pub fn auth(mut args: Args<'_>) -> Parsed<'_> {
    args.bytes("password")?;
    args.rest();
    args.end()?;
    Ok(Command::Session(Session::Auth))
}

/// `SELECT 0`
pub fn select(mut args: Args<'_>) -> Parsed<'_> {
    let index = args.bytes("index")?;
    let index = whole_number(index).ok_or_else(|| wrong("index", "0, the only database", index))?;
    Ok(Command::Session(Session::Select { exists: index == 0 }))
}

/// `CLIENT SETNAME name`
pub fn client_set_name(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Session(Session::ClientSetName(client_name(&mut args, "name")?)))
}

/// `CLIENT SETINFO LIB-NAME|LIB-VER text`
pub fn client_set_info(mut args: Args<'_>) -> Parsed<'_> {
    let attribute = args.bytes("attribute")?;
    let text = client_name(&mut args, "text")?;
    if attribute.eq_ignore_ascii_case(b"LIB-NAME") {
        Ok(Command::Session(Session::ClientLibName(text)))
    } else if attribute.eq_ignore_ascii_case(b"LIB-VER") {
        Ok(Command::Session(Session::ClientLibVersion(text)))
    } else {
        Err(wrong("attribute", "LIB-NAME or LIB-VER", attribute))
    }
}

/// A name may be empty, which takes it away.
fn client_name<'a>(args: &mut Args<'a>, argument: &'static str) -> Result<&'a [u8], CommandError> {
    let name = args.bytes(argument)?;
    if name.len() > NAME_BYTES_MAX || !name.iter().all(u8::is_ascii_graphic) {
        return Err(wrong(argument, "at most 128 bytes of printable ASCII without spaces", name));
    }
    Ok(name)
}

/// `PING [message]`
pub fn ping(mut args: Args<'_>) -> Parsed<'_> {
    let message = args.rest();
    args.end()?;
    Ok(Command::Local(Local::Ping(message)))
}

/// `ECHO message`
pub fn echo(mut args: Args<'_>) -> Parsed<'_> {
    Ok(Command::Local(Local::Echo(args.bytes("message")?)))
}

/// A command without arguments, carried out by the connection or answered on the spot.
macro_rules! without_arguments {
    ($($(#[$doc:meta])* $name:ident => $command:expr;)*) => {
        $($(#[$doc])* pub fn $name(_args: Args<'_>) -> Parsed<'_> {
            Ok($command)
        })*
    };
}

without_arguments! {
    /// `CLIENT ID`
    client_id => Command::Session(Session::ClientId);
    /// `CLIENT INFO`
    client_info => Command::Session(Session::ClientInfo);
    /// `CLIENT LIST`
    client_list => Command::Session(Session::ClientList);
    /// `CLIENT GETNAME`
    client_get_name => Command::Session(Session::ClientGetName);
    /// `QUIT`
    quit => Command::Session(Session::Quit);
    /// `RESET`
    reset => Command::Session(Session::Reset);
    /// `MULTI`
    multi => Command::Session(Session::Multi);
    /// `EXEC`
    exec => Command::Session(Session::Exec);
    /// `DISCARD`
    discard => Command::Session(Session::Discard);
    /// `COMMAND`
    command_all => Command::Local(Local::CommandAll);
    /// `COMMAND COUNT`
    command_count => Command::Local(Local::CommandCount);
    /// `COMMAND LIST`
    command_list => Command::Local(Local::CommandList);
    /// `LASTSAVE`
    last_save => Command::Local(Local::LastSave);
    /// `CLUSTER …`
    cluster => Command::Local(Local::Cluster);
}

/// `BGSAVE [SCHEDULE]`; some clients always ask for SCHEDULE, and a snapshot never has to wait for anything here.
pub fn save(mut args: Args<'_>) -> Parsed<'_> {
    args.option(&["SCHEDULE"])?;
    args.end()?;
    Ok(Command::Local(Local::Save))
}

/// A command whose arguments are read while it is answered.
macro_rules! with_arguments {
    ($($(#[$doc:meta])* $name:ident => $local:ident;)*) => {
        $($(#[$doc])* pub fn $name(args: Args<'_>) -> Parsed<'_> {
            Ok(Command::Local(Local::$local(args)))
        })*
    };
}

with_arguments! {
    /// `INFO [section …]`
    info => Info;
    /// `COMMAND INFO [command …]`
    command_info => CommandInfo;
    /// `COMMAND DOCS [command …]`
    command_docs => CommandDocs;
    /// `COMMAND GETKEYS command [arg …]`
    command_get_keys => CommandGetKeys;
    /// `CONFIG GET name …`
    config_get => ConfigGet;
}
