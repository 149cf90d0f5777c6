//! Relations of what is not offered: they are there for whoever asks, and have no rows.

use super::{Look, PG_CATALOG, SystemRelation};
use crate::error::Result;
use crate::table::Value;

fn none(_: &Look<'_>) -> Result<Vec<Vec<Value>>> {
    Ok(Vec::new())
}

const fn empty(oid: u32, name: &'static str, columns: &'static str) -> SystemRelation {
    SystemRelation { oid, schema: PG_CATALOG, name, columns, rows: none }
}

pub(super) static RELATIONS: &[SystemRelation] = &[
    empty(2611, "pg_inherits", "inhrelid oid, inhparent oid, inhseqno int4, inhdetachpending bool"),
    empty(
        2620,
        "pg_trigger",
        "oid oid, tgrelid oid, tgparentid oid, tgname name, tgfoid oid, tgtype int2, tgenabled char, tgisinternal bool, \
         tgconstrrelid oid, tgconstrindid oid, tgconstraint oid, tgdeferrable bool, tginitdeferred bool, tgnargs int2, \
         tgattr int2[], tgargs bytea, tgqual text, tgoldtable name, tgnewtable name",
    ),
    empty(
        2618,
        "pg_rewrite",
        "oid oid, rulename name, ev_class oid, ev_type char, ev_enabled char, is_instead bool, ev_qual text, \
         ev_action text",
    ),
    empty(
        3256,
        "pg_policy",
        "oid oid, polname name, polrelid oid, polcmd char, polpermissive bool, polroles oid[], polqual text, \
         polwithcheck text",
    ),
    empty(
        6104,
        "pg_publication",
        "oid oid, pubname name, pubowner oid, puballtables bool, pubinsert bool, pubupdate bool, pubdelete bool, \
         pubtruncate bool, pubviaroot bool",
    ),
    empty(6106, "pg_publication_rel", "oid oid, prpubid oid, prrelid oid, prqual text, prattrs int2[]"),
    empty(6237, "pg_publication_namespace", "oid oid, pnpubid oid, pnnspid oid"),
    empty(
        12_020,
        "pg_publication_tables",
        "pubname name, schemaname name, tablename name, attnames name[], rowfilter text",
    ),
    empty(
        3381,
        "pg_statistic_ext",
        "oid oid, stxrelid oid, stxname name, stxnamespace oid, stxowner oid, stxstattarget int4, stxkeys int2[], \
         stxkind char[], stxexprs text",
    ),
    empty(
        3079,
        "pg_extension",
        "oid oid, extname name, extowner oid, extnamespace oid, extrelocatable bool, extversion text, extconfig oid[], \
         extcondition text[]",
    ),
    empty(3118, "pg_foreign_table", "ftrelid oid, ftserver oid, ftoptions text[]"),
    empty(
        1417,
        "pg_foreign_server",
        "oid oid, srvname name, srvowner oid, srvfdw oid, srvtype text, srvversion text, srvacl text[], \
         srvoptions text[]",
    ),
    empty(
        2328,
        "pg_foreign_data_wrapper",
        "oid oid, fdwname name, fdwowner oid, fdwhandler oid, fdwvalidator oid, fdwacl text[], fdwoptions text[]",
    ),
    empty(
        3350,
        "pg_partitioned_table",
        "partrelid oid, partstrat char, partnatts int2, partdefid oid, partattrs int2[], partclass oid[], \
         partcollation oid[], partexprs text",
    ),
    empty(2396, "pg_shdescription", "objoid oid, classoid oid, description text"),
    empty(
        1214,
        "pg_shdepend",
        "dbid oid, classid oid, objid oid, objsubid int4, refclassid oid, refobjid oid, deptype char",
    ),
    empty(
        1261,
        "pg_auth_members",
        "oid oid, roleid oid, member oid, grantor oid, admin_option bool, inherit_option bool, set_option bool",
    ),
    empty(2964, "pg_db_role_setting", "setdatabase oid, setrole oid, setconfig text[]"),
    empty(826, "pg_default_acl", "oid oid, defaclrole oid, defaclnamespace oid, defaclobjtype char, defaclacl text[]"),
    empty(
        3466,
        "pg_event_trigger",
        "oid oid, evtname name, evtevent name, evtowner oid, evtfoid oid, evtenabled char, evttags text[]",
    ),
    empty(
        3541,
        "pg_range",
        "rngtypid oid, rngsubtype oid, rngmultitypid oid, rngcollation oid, rngsubopc oid, rngcanonical regproc, \
         rngsubdiff regproc",
    ),
    empty(2605, "pg_cast", "oid oid, castsource oid, casttarget oid, castfunc oid, castcontext char, castmethod char"),
    empty(2753, "pg_opfamily", "oid oid, opfmethod oid, opfname name, opfnamespace oid, opfowner oid"),
    empty(
        2600,
        "pg_aggregate",
        "aggfnoid regproc, aggkind char, aggnumdirectargs int2, aggtransfn regproc, aggfinalfn regproc, \
         aggcombinefn regproc",
    ),
    empty(
        2607,
        "pg_conversion",
        "oid oid, conname name, connamespace oid, conowner oid, conforencoding int4, contoencoding int4, conproc regproc, condefault bool",
    ),
    empty(
        12_021,
        "pg_locks",
        "locktype text, database oid, relation oid, page int4, tuple int2, virtualxid text, transactionid xid, \
         classid oid, objid oid, objsubid int2, virtualtransaction text, pid int4, mode text, granted bool, \
         fastpath bool, waitstart timestamptz",
    ),
    empty(
        12_022,
        "pg_prepared_statements",
        "name text, statement text, prepare_time timestamptz, parameter_types regtype[], result_types regtype[], \
         from_sql bool, generic_plans int8, custom_plans int8",
    ),
    empty(
        12_023,
        "pg_cursors",
        "name text, statement text, is_holdable bool, is_binary bool, is_scrollable bool, creation_time timestamptz",
    ),
    empty(12_024, "pg_prepared_xacts", "transaction xid, gid text, prepared timestamptz, owner name, database name"),
    empty(12_025, "pg_group", "groname name, grosysid oid, grolist oid[]"),
    empty(12_026, "pg_rules", "schemaname name, tablename name, rulename name, definition text"),
    empty(
        12_027,
        "pg_policies",
        "schemaname name, tablename name, policyname name, permissive text, roles name[], cmd text, qual text, \
         with_check text",
    ),
    empty(12_028, "pg_available_extensions", "name name, default_version text, installed_version text, comment text"),
    empty(12_029, "pg_timezone_names", "name text, abbrev text, utc_offset interval, is_dst bool"),
    empty(
        12_030,
        "pg_stat_user_indexes",
        "relid oid, indexrelid oid, schemaname name, relname name, indexrelname name, idx_scan int8, \
         last_idx_scan timestamptz, idx_tup_read int8, idx_tup_fetch int8",
    ),
    empty(
        12_031,
        "pg_statio_user_tables",
        "relid oid, schemaname name, relname name, heap_blks_read int8, heap_blks_hit int8, idx_blks_read int8, \
         idx_blks_hit int8, toast_blks_read int8, toast_blks_hit int8, tidx_blks_read int8, tidx_blks_hit int8",
    ),
    empty(
        12_032,
        "pg_stat_database",
        "datid oid, datname name, numbackends int4, xact_commit int8, xact_rollback int8, blks_read int8, \
         blks_hit int8, tup_returned int8, tup_fetched int8, tup_inserted int8, tup_updated int8, tup_deleted int8",
    ),
    empty(
        12_033,
        "pg_stat_replication",
        "pid int4, usesysid oid, usename name, application_name text, client_addr text, state text",
    ),
    empty(
        12_034,
        "pg_stats",
        "schemaname name, tablename name, attname name, inherited bool, null_frac float4, avg_width int4, n_distinct float4",
    ),
    empty(2613, "pg_largeobject", "loid oid, pageno int4, data bytea"),
    empty(2995, "pg_largeobject_metadata", "oid oid, lomowner oid, lomacl text[]"),
    empty(
        6100,
        "pg_subscription",
        "oid oid, subdbid oid, subskiplsn pg_lsn, subname name, subowner oid, subenabled bool",
    ),
    empty(3596, "pg_seclabel", "objoid oid, classoid oid, objsubid int4, provider text, label text"),
];
