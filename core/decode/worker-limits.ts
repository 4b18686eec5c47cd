/** Most records of one drain: the size of the worker's offset table. */
export const TABLE_RECORDS = 65_536;
