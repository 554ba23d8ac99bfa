// What needs Node.js: files and folders.
export {};
